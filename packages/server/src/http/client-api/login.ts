import { getLoginFlows, login, logout, logoutAll } from '@limpet/protocol/endpoints/client/login';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { PASSWORD } from '../../services/accounts/authentication-stages.ts';
import { readUserIdentifier } from '../../services/accounts/read-user-identifier.ts';
import { type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';
import { deviceRequestOf, sessionAnswer } from './session-answer.ts';

/** Specification: client-server API, "Login". */
export function loginRoutes({ accounts, rateLimits }: AccountServices): Route[] {
  return [
    route(getLoginFlows, () => ({ flows: [{ type: PASSWORD }] })),

    route(login, async ({ body, clientAddress, clientNetwork }) => {
      rateLimits.take('login', clientNetwork);
      if (body.type !== PASSWORD) {
        throw new MatrixError('M_UNKNOWN', `This type of login is not known here. Use "${PASSWORD}".`);
      }
      if (body.password === undefined) throw new MatrixError('M_MISSING_PARAM', 'The body needs "password".');
      const userId = readUserIdentifier(body, accounts.users);
      if (userId !== undefined) rateLimits.take('loginToAccount', userId);
      const device = deviceRequestOf(body, clientAddress);
      return sessionAnswer(await accounts.login.withPassword(userId, body.password, device));
    }),

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
