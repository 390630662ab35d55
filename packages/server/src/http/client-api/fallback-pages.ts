import { getLoginPage, getStagePage, submitStagePage } from '@limpet/protocol/endpoints/client/fallback-pages';
import type { UserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { PASSWORD, REGISTRATION_TOKEN } from '../../services/accounts/authentication-stages.ts';
import type { OpenStage } from '../../services/accounts/user-interactive-authentication.ts';
import { headersOfError } from '../error-response.ts';
import type { HttpAnswer } from '../http-answer.ts';
import { loginPage } from '../pages/login-page.ts';
import { noStagePage, passedPage, type StageFault, stagePage } from '../pages/stage-pages.ts';
import { parseQueryString } from '../query-string.ts';
import { type EndpointRequest, type Route, route, type StreamedRequest, uploadRoute } from '../route.ts';
import type { AccountServices } from './account-services.ts';

/** A form of one field: the longest password, each character of it in percent-encoding. */
const FORM_LIMIT_BYTES = 16_384;

/** The page itself says whose it has to be. */
const WRONG_PASSWORD = 'This is not your password. Try again.';

/** Specification: client-server API, "Login Fallback", and "Fallback" of user-interactive authentication. */
export function fallbackPageRoutes(services: AccountServices): Route[] {
  const { interactiveAuthentication } = services.accounts;
  return [
    route(getLoginPage, () => loginPage(services.serverName)),
    route(getStagePage, ({ path: { authType }, query }) => {
      const stage = interactiveAuthentication.stageOf(query.session, authType);
      if (stage === undefined) return noStagePage();
      return stage.isPassed ? passedPage() : stagePage(authType, stage);
    }),
    uploadRoute(submitStagePage, (request) => submit(services, request), { bodyLimitBytes: FORM_LIMIT_BYTES }),
  ];
}

type Submission = EndpointRequest<typeof submitStagePage> & StreamedRequest;

/** What is refused is said on the page, as whoever reads it is no client. */
async function submit(services: AccountServices, request: Submission): Promise<HttpAnswer> {
  const { interactiveAuthentication } = services.accounts;
  const { authType } = request.path;
  const form = await readForm(request.content);
  const stage = interactiveAuthentication.stageOf(request.query.session, authType);
  if (stage === undefined) return noStagePage();
  if (stage.isPassed) return passedPage();
  try {
    limitGuesses(services, request, stage);
    const auth = authOf(authType, form, stage.userId);
    const verdict = await interactiveAuthentication.passStage(request.query.session, auth);
    if (verdict === undefined) return noStagePage();
    if (verdict.isPassed) return passedPage();
    throw new MatrixError(verdict.errcode, authType === PASSWORD ? WRONG_PASSWORD : verdict.reason);
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    return stagePage(authType, stage, faultOf(error));
  }
}

/** As where the client itself tries it. */
function limitGuesses({ rateLimits }: AccountServices, { path, clientNetwork }: Submission, stage: OpenStage): void {
  if (path.authType === REGISTRATION_TOKEN) rateLimits.take('registration', clientNetwork);
  if (path.authType !== PASSWORD) return;
  rateLimits.take('login', clientNetwork);
  if (stage.userId !== undefined) rateLimits.take('loginToAccount', stage.userId);
}

function authOf(
  type: string,
  form: Readonly<Record<string, string | string[]>>,
  userId: UserId | undefined,
): JsonObject & { readonly type: string } {
  const { password = '', token = '' } = form;
  if (type === REGISTRATION_TOKEN) return { type, token: typeof token === 'string' ? token.trim() : token };
  return type === PASSWORD ? { type, identifier: { type: 'm.id.user', user: userId ?? '' }, password } : { type };
}

function faultOf(error: MatrixError): StageFault {
  return { text: error.message, status: error.status, headers: headersOfError(error) };
}

async function readForm(content: AsyncIterable<Uint8Array>): Promise<Record<string, string | string[]>> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return parseQueryString(Buffer.concat(pieces).toString('utf8'));
}
