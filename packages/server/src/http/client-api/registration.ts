import {
  checkUsernameAvailability,
  getRegistrationTokenValidity,
  register,
} from '@limpet/protocol/endpoints/client/registration';
import { MatrixError } from '@limpet/protocol/matrix-error';
import {
  DUMMY,
  dummyStage,
  REGISTRATION_TOKEN,
  registrationTokenStage,
} from '../../services/accounts/authentication-stages.ts';
import { PROTECTED_BODY_LIMIT_BYTES } from '../../services/accounts/user-interactive-authentication.ts';
import { HttpAnswer } from '../http-answer.ts';
import { type EndpointRequest, type HandlerResult, type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';
import { deviceRequestOf, registeredAnswer } from './session-answer.ts';

/** Specification: client-server API, "Account registration". */
export function registrationRoutes(services: AccountServices): Route[] {
  const { registration, registrationTokens } = services.accounts;
  return [
    route(register, (request) => registerUser(services, request), { bodyLimitBytes: PROTECTED_BODY_LIMIT_BYTES }),

    route(checkUsernameAvailability, async ({ query, clientNetwork }) => {
      services.rateLimits.take('registration', clientNetwork);
      await registration.flows();
      await registration.checkUsername(query.username);
      return { available: true };
    }),

    route(getRegistrationTokenValidity, async ({ query, clientNetwork }) => {
      services.rateLimits.take('registration', clientNetwork);
      await registration.flows();
      return { valid: (await registrationTokens.find(query.token)) !== undefined };
    }),
  ];
}

async function registerUser(
  { accounts, rateLimits }: AccountServices,
  { query, body, clientAddress, clientNetwork, userAgent }: EndpointRequest<typeof register>,
): Promise<HandlerResult> {
  const { registration, registrationTokens, interactiveAuthentication } = accounts;
  rateLimits.take('registration', clientNetwork);
  if (query.kind === 'guest') {
    // Nothing else of the body counts for a guest.
    const { deviceId: _ignored, ...device } = deviceRequestOf(body, { clientAddress, userAgent });
    return registeredAnswer(await registration.registerGuest({ ...device, deviceId: undefined }));
  }
  const operation = {
    name: 'register',
    purpose: 'make an account',
    userId: undefined,
    flows: await registration.flows(),
    stages: { [DUMMY]: dummyStage, [REGISTRATION_TOKEN]: registrationTokenStage(registrationTokens) },
    validate: ({ username, password, guest_access_token: guestToken }: Omit<typeof body, 'auth'>) =>
      registration.checkRequest({ username, password, guestToken }),
  };
  const authorization = await interactiveAuthentication.authorize(operation, body);
  if (!authorization.isAuthorized) return new HttpAnswer(401, authorization.challenge);

  const { username, password, inhibit_login: inhibitLogin, guest_access_token, ...device } = authorization.parameters;
  if (password === undefined) throw new MatrixError('M_MISSING_PARAM', 'The body needs "password".');
  const registered = await registration.register({
    username,
    password,
    device: inhibitLogin === true ? undefined : deviceRequestOf(device, { clientAddress, userAgent }),
    token: authorization.evidence.get(REGISTRATION_TOKEN),
    guestToken: guest_access_token,
  });
  return registeredAnswer(registered);
}
