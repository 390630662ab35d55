import { parseUserId, type UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Requester } from '../authenticate.ts';

/**
 * The user of the path, who must be the one who asks. Throws M_INVALID_PARAM for no user ID, M_FORBIDDEN for
 * another's.
 */
export function ownUserId(path: { readonly userId: string }, requester: Requester): UserId {
  const userId = parseUserId(path.userId);
  if (userId !== requester.userId) {
    throw new MatrixError(
      'M_FORBIDDEN',
      'The path names another user than the access token. You may do this for yourself.',
    );
  }
  return userId;
}
