import { MatrixError } from '@limpet/protocol/matrix-error';

/** What OWASP and NIST ask for at least; longer is what helps, not odd characters. */
const MIN_CHARACTERS = 8;
/** Hashing takes a time that grows with it. */
const MAX_CHARACTERS = 1_024;

/**
 * Whether a password may be a new one. Throws M_WEAK_PASSWORD with what is wrong.
 * Specification: client-server API, "POST /account/password".
 */
export function checkNewPassword(password: string, localpart: string): void {
  const length = [...password.slice(0, MAX_CHARACTERS + 1)].length;
  if (length < MIN_CHARACTERS) {
    throw new MatrixError('M_WEAK_PASSWORD', `A password needs at least ${MIN_CHARACTERS} characters.`);
  }
  if (password.length > MAX_CHARACTERS) {
    throw new MatrixError('M_INVALID_PARAM', `A password may have ${MAX_CHARACTERS} characters at most.`);
  }
  if (password.toLowerCase() === localpart) {
    throw new MatrixError('M_WEAK_PASSWORD', 'A password must not be the user name itself.');
  }
}
