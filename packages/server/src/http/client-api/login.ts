import {
  generateLoginToken,
  getLoginFlows,
  login,
  logout,
  logoutAll,
  redirectToIdentityProvider,
  redirectToSso,
  refreshTokens,
} from '@limpet/protocol/endpoints/client/login';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { LOGIN_TOKEN, PASSWORD } from '../../services/accounts/authentication-stages.ts';
import { LOGIN_TOKEN_LIFETIME_MS } from '../../services/accounts/login-tokens.ts';
import { readUserIdentifier } from '../../services/accounts/read-user-identifier.ts';
import type { Session } from '../../services/accounts/sessions.ts';
import { PROTECTED_BODY_LIMIT_BYTES } from '../../services/accounts/user-interactive-authentication.ts';
import { HttpAnswer } from '../http-answer.ts';
import { type EndpointRequest, type HandlerResult, type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';
import { authorizeByPassword } from './password-protection.ts';
import { deviceRequestOf, sessionAnswer } from './session-answer.ts';

/** What clients are offered: the second one is for those that another device of the user lets in. */
const FLOWS = [{ type: PASSWORD }, { type: LOGIN_TOKEN, get_login_token: true }];

/** Specification: client-server API, "Login". */
export function loginRoutes(services: AccountServices): Route[] {
  const { accounts, rateLimits } = services;
  return [
    route(getLoginFlows, () => ({ flows: FLOWS })),

    route(login, async (request) => {
      rateLimits.take('login', request.clientNetwork);
      return sessionAnswer(await openSession(services, request));
    }),

    route(refreshTokens, async ({ body, clientNetwork }) => {
      rateLimits.take('refresh', clientNetwork);
      const { accessToken, refreshToken, expiresInMs } = await accounts.refreshTokens.refresh(body.refresh_token);
      return { access_token: accessToken, refresh_token: refreshToken, expires_in_ms: expiresInMs };
    }),

    route(generateLoginToken, (request) => letIn(services, request), { bodyLimitBytes: PROTECTED_BODY_LIMIT_BYTES }),
    route(redirectToSso, refuseSso),
    route(redirectToIdentityProvider, refuseSso),

    route(logout, async ({ requester }) => {
      await accounts.sessions.close(requester.userId, [requester.deviceId]);
      return {};
    }),

    route(logoutAll, async ({ requester }) => {
      await accounts.sessions.closeAll(requester.userId);
      return {};
    }),
  ];
}

async function openSession(
  { accounts, rateLimits }: AccountServices,
  { body, clientAddress, userAgent }: EndpointRequest<typeof login>,
): Promise<Session> {
  const device = deviceRequestOf(body, { clientAddress, userAgent });
  if (body.type === LOGIN_TOKEN) {
    if (body.token === undefined) throw new MatrixError('M_MISSING_PARAM', 'The body needs "token".');
    return accounts.login.withToken(body.token, device);
  }
  if (body.type !== PASSWORD) {
    throw new MatrixError('M_UNKNOWN', `This type of login is not known here. Use "${PASSWORD}".`);
  }
  if (body.password === undefined) throw new MatrixError('M_MISSING_PARAM', 'The body needs "password".');
  const userId = readUserIdentifier(body, accounts.users);
  if (userId !== undefined) rateLimits.take('loginToAccount', userId);
  return accounts.login.withPassword(userId, body.password, device);
}

async function letIn(
  services: AccountServices,
  request: EndpointRequest<typeof generateLoginToken>,
): Promise<HandlerResult> {
  const { userId } = request.requester;
  const authorization = await authorizeByPassword(services, request, {
    name: 'login/get_token',
    purpose: 'let another device in to your account',
  });
  if (!authorization.isAuthorized) return new HttpAnswer(401, authorization.challenge);
  services.rateLimits.take('loginToken', userId);
  return { login_token: await services.accounts.loginTokens.issue(userId), expires_in_ms: LOGIN_TOKEN_LIFETIME_MS };
}

function refuseSso(): never {
  throw new MatrixError('M_NOT_FOUND', 'This server works with no identity provider. Log in with a password.');
}
