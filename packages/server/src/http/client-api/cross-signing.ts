import { uploadSignatures, uploadSigningKeys } from '@limpet/protocol/endpoints/client/cross-signing';
import { PROTECTED_BODY_LIMIT_BYTES } from '../../services/accounts/user-interactive-authentication.ts';
import type { Encryption } from '../../services/encryption/encryption.ts';
import { HttpAnswer } from '../http-answer.ts';
import { type EndpointRequest, type HandlerResult, type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';
import { authorizeByPassword } from './password-protection.ts';

const PROTECTED = { bodyLimitBytes: PROTECTED_BODY_LIMIT_BYTES };

export interface CrossSigningServices extends Pick<AccountServices, 'accounts' | 'rateLimits'> {
  readonly encryption: Encryption;
}

/** Specification: client-server API, "Cross-signing". */
export function crossSigningRoutes(services: CrossSigningServices): Route[] {
  const { encryption } = services;
  return [
    route(uploadSigningKeys, (request) => keepSigningKeys(services, request), PROTECTED),
    route(uploadSignatures, async ({ body, requester }) => ({
      failures: await encryption.keySignatures.upload(requester.userId, body),
    })),
  ];
}

async function keepSigningKeys(
  services: CrossSigningServices,
  request: EndpointRequest<typeof uploadSigningKeys>,
): Promise<HandlerResult> {
  const { signingKeys } = services.encryption;
  const { userId } = request.requester;
  const { auth, ...upload } = request.body;
  // With `auth` alone the keys are those that the session remembers.
  const isFirstStep = auth === undefined || Object.keys(upload).length > 0;
  if (isFirstStep && !(await signingKeys.needsProof(userId, upload))) {
    await signingKeys.keep(userId, upload, { isProven: false });
    return {};
  }
  const authorization = await authorizeByPassword(services, request, {
    name: 'keys/device_signing',
    purpose: 'replace the keys that others know you by',
  });
  if (!authorization.isAuthorized) return new HttpAnswer(401, authorization.challenge);
  await signingKeys.keep(userId, authorization.parameters, { isProven: true });
  return {};
}
