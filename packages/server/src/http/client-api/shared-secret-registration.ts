import {
  getRegistrationNonce,
  registerBySharedSecret,
} from '@limpet/protocol/endpoints/client/shared-secret-registration';
import { type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';
import { registeredAnswer } from './session-answer.ts';

/** Synapse's admin API, "Shared-Secret Registration". */
export function sharedSecretRegistrationRoutes({ accounts, rateLimits, serverName }: AccountServices): Route[] {
  const { sharedSecretRegistration } = accounts;
  return [
    route(getRegistrationNonce, ({ clientNetwork }) => {
      rateLimits.take('registration', clientNetwork);
      return { nonce: sharedSecretRegistration.newNonce() };
    }),

    route(registerBySharedSecret, async ({ body, clientAddress }) => {
      const { nonce, username, password, mac } = body;
      const registered = await sharedSecretRegistration.register({
        nonce,
        username,
        password,
        mac,
        isAdmin: body.admin === true,
        displayName: body.displayname,
        userType: body.user_type ?? undefined,
        clientAddress,
      });
      return { ...registeredAnswer(registered), home_server: serverName };
    }),
  ];
}
