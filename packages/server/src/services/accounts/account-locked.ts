import { MatrixError } from '@limpet/protocol/matrix-error';

/** Nothing is lost by it: the sessions go on when the lock is taken away. Specification: "Account locking". */
export function accountLocked(): MatrixError {
  const text = 'This account is locked. Ask the administrator of the server why, and to unlock it.';
  return new MatrixError('M_USER_LOCKED', text, { extra: { soft_logout: true } });
}
