import type { UserId } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Users } from './users.ts';

/** The places where a request says who it is about: `identifier`, and the flat `user` of older clients. */
export interface IdentifiedRequest {
  readonly identifier?: JsonValue;
  readonly user?: JsonValue;
  readonly medium?: JsonValue;
  readonly address?: JsonValue;
}

/**
 * The local user that a login or a password stage names; `undefined` when it is not a user of ours. Throws
 * M_MISSING_PARAM when it names nobody, M_FORBIDDEN for third-party identifiers, of which none is known here, and
 * M_UNKNOWN for other types.
 * Specification: client-server API, "Identifier types".
 */
export function readUserIdentifier(request: IdentifiedRequest, users: Users): UserId | undefined {
  const { identifier } = request;
  if (identifier === undefined) {
    if (request.user === undefined && (request.medium !== undefined || request.address !== undefined)) {
      throw noThirdPartyIdentifiers();
    }
    return localUser(request.user, users);
  }
  if (!isJsonObject(identifier)) throw new MatrixError('M_BAD_JSON', '"identifier" must be an object with a "type".');
  if (isThirdPartyIdentifier(identifier)) throw noThirdPartyIdentifiers();
  if (typeof identifier.type !== 'string') {
    throw new MatrixError('M_BAD_JSON', '"identifier" must be an object with a "type".');
  }
  if (identifier.type !== 'm.id.user') {
    throw new MatrixError('M_UNKNOWN', 'This type of identifier is not known here. Use "m.id.user".');
  }
  return localUser(identifier.user, users);
}

function localUser(user: JsonValue | undefined, users: Users): UserId | undefined {
  if (user === undefined) {
    throw new MatrixError(
      'M_MISSING_PARAM',
      'The request names no user: send "identifier" of type "m.id.user" with "user".',
    );
  }
  if (typeof user !== 'string') throw new MatrixError('M_BAD_JSON', '"user" must be a string.');
  return users.localUserId(user);
}

/** The specification's own example of a login by an e-mail address has no type. */
function isThirdPartyIdentifier({ type, medium, address }: JsonObject): boolean {
  if (type === undefined) return medium !== undefined && address !== undefined;
  return type === 'm.id.thirdparty' || type === 'm.id.phone';
}

/** Specification: client-server API, "Login", and "Password-based": as for an identifier that nobody has. */
function noThirdPartyIdentifiers(): MatrixError {
  const text = 'This server knows no e-mail addresses and no phone numbers. Use the user name.';
  return new MatrixError('M_FORBIDDEN', text);
}
