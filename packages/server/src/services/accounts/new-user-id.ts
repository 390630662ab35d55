import {
  isLongerThan,
  isValidNewLocalpart,
  MAX_IDENTIFIER_BYTES,
  type ServerName,
  type UserId,
  userIdOf,
} from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';

/** By custom the localparts of application services begin with it. */
const RESERVED_PREFIX = '_';

/**
 * The user ID that a new account with this name would have. Upper-case letters become lower-case ones, as the
 * specification's mapping from other name spaces has it. Throws M_INVALID_USERNAME, saying what is wrong.
 * Specification: appendices, "User Identifiers".
 */
export function newUserId(username: string, serverName: ServerName): UserId {
  const localpart = username.toLowerCase();
  const fault = localpartFault(localpart, serverName);
  if (fault !== undefined) throw new MatrixError('M_INVALID_USERNAME', fault);
  return userIdOf(localpart, serverName);
}

function localpartFault(localpart: string, serverName: ServerName): string | undefined {
  if (localpart === '') return 'The user name is empty.';
  if (localpart.startsWith('@') || localpart.includes(':')) {
    return 'Give the user name alone, without "@" and without the name of the server.';
  }
  if (!isValidNewLocalpart(localpart)) {
    return 'A user name may have the letters a to z, digits, and the characters . _ = - / + only.';
  }
  if (localpart.startsWith(RESERVED_PREFIX)) {
    return `User names that begin with "${RESERVED_PREFIX}" are reserved for application services.`;
  }
  if (isLongerThan(`@${localpart}:${serverName}`, MAX_IDENTIFIER_BYTES)) {
    return `The user name is too long: with the server name it may have ${MAX_IDENTIFIER_BYTES} bytes at most.`;
  }
  return undefined;
}
