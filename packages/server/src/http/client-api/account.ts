import { changePassword, deactivateAccount, whoAmI } from '@limpet/protocol/endpoints/client/account';
import { localpartOf } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { checkNewPassword } from '../../services/accounts/check-password.ts';
import { PROTECTED_BODY_LIMIT_BYTES } from '../../services/accounts/user-interactive-authentication.ts';
import { HttpAnswer } from '../http-answer.ts';
import { type EndpointRequest, type HandlerResult, type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';
import { authorizeByPassword } from './password-protection.ts';

const PROTECTED = { bodyLimitBytes: PROTECTED_BODY_LIMIT_BYTES };

/** Specification: client-server API, "Account management". */
export function accountRoutes(services: AccountServices): Route[] {
  return [
    route(whoAmI, ({ requester }) => ({
      user_id: requester.userId,
      device_id: requester.deviceId,
      is_guest: requester.standing.isGuest,
    })),
    route(changePassword, (request) => setPassword(services, request), PROTECTED),
    route(deactivateAccount, (request) => deactivate(services, request), PROTECTED),
  ];
}

async function setPassword(
  services: AccountServices,
  request: EndpointRequest<typeof changePassword>,
): Promise<HandlerResult> {
  const { userId, deviceId } = request.requester;
  const authorization = await authorizeByPassword(services, request, {
    name: 'account/password',
    purpose: 'change your password',
    validate: ({ new_password: password }) => checkNewPassword(needed(password), localpartOf(userId)),
  });
  if (!authorization.isAuthorized) return new HttpAnswer(401, authorization.challenge);
  const { new_password: password, logout_devices: endsOthers = true } = authorization.parameters;
  await services.accounts.accountChanges.setPassword(
    userId,
    needed(password),
    endsOthers ? { allBut: deviceId } : 'none',
  );
  return {};
}

function needed(password: string | undefined): string {
  if (password !== undefined) return password;
  throw new MatrixError('M_MISSING_PARAM', 'The body needs "new_password".');
}

async function deactivate(
  services: AccountServices,
  request: EndpointRequest<typeof deactivateAccount>,
): Promise<HandlerResult> {
  const authorization = await authorizeByPassword(services, request, {
    name: 'account/deactivate',
    purpose: 'deactivate your account, which cannot be undone',
  });
  if (!authorization.isAuthorized) return new HttpAnswer(401, authorization.challenge);
  const erase = authorization.parameters.erase === true;
  await services.accounts.accountChanges.deactivate(request.requester.userId, { erase });
  // The server keeps no third-party identifiers, so none is left bound.
  return { id_server_unbind_result: 'success' };
}
