import { MatrixError } from '@limpet/protocol/matrix-error';

/** Specification: client-server API, "Invite permission". */
export function inviteBlocked(userId: string): MatrixError {
  return new MatrixError('M_INVITE_BLOCKED', `${userId} takes no invites.`);
}
