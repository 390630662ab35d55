import {
  addThirdPartyIdentifier,
  bindThirdPartyIdentifier,
  deleteThirdPartyIdentifier,
  getThirdPartyIdentifiers,
  postThirdPartyIdentifiers,
  requestTokenToAddEmail,
  requestTokenToAddPhone,
  requestTokenToRegisterByEmail,
  requestTokenToRegisterByPhone,
  requestTokenToResetPasswordByEmail,
  requestTokenToResetPasswordByPhone,
  unbindThirdPartyIdentifier,
} from '@limpet/protocol/endpoints/client/third-party-identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { type Route, route } from '../route.ts';

/**
 * This server sends no e-mail and no text messages, and works with no identity server; so accounts have no such
 * addresses, and each answer is the same whatever address is asked about.
 * Specification: client-server API, "Adding Account Administrative Contact Information".
 */
export function thirdPartyIdentifierRoutes(): Route[] {
  return [
    route(getThirdPartyIdentifiers, () => ({ threepids: [] })),
    route(addThirdPartyIdentifier, () => {
      throw new MatrixError('M_THREEPID_DENIED', 'Accounts of this server have no e-mail addresses or phone numbers.');
    }),
    route(postThirdPartyIdentifiers, refuseIdentityServer),
    route(bindThirdPartyIdentifier, refuseIdentityServer),
    // There is nothing to delete, and nobody who could be told.
    route(deleteThirdPartyIdentifier, () => ({ id_server_unbind_result: 'no-support' })),
    route(unbindThirdPartyIdentifier, () => ({ id_server_unbind_result: 'no-support' })),
    route(requestTokenToRegisterByEmail, refuseEmail),
    route(requestTokenToRegisterByPhone, refusePhone),
    route(requestTokenToResetPasswordByEmail, refuseEmail),
    route(requestTokenToResetPasswordByPhone, refusePhone),
    route(requestTokenToAddEmail, refuseEmail),
    route(requestTokenToAddPhone, refusePhone),
  ];
}

function refuseIdentityServer(): never {
  throw new MatrixError('M_SERVER_NOT_TRUSTED', 'This server works with no identity server.');
}

function refuseEmail(): never {
  throw new MatrixError('M_THREEPID_MEDIUM_NOT_SUPPORTED', 'This server sends no e-mail: go on without an address.');
}

function refusePhone(): never {
  const text = 'This server sends no text messages: go on without a phone number.';
  throw new MatrixError('M_THREEPID_MEDIUM_NOT_SUPPORTED', text);
}
