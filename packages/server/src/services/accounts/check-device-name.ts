import { MatrixError } from '@limpet/protocol/matrix-error';

/** Names are for people to read, and every client of the user gets them. */
const MAX_CHARACTERS = 256;

/** A device's name as it may be kept. Throws M_INVALID_PARAM when it is too long. */
export function checkDeviceName<Name extends string | undefined>(name: Name): Name {
  if (name !== undefined && name.length > MAX_CHARACTERS) {
    throw new MatrixError('M_INVALID_PARAM', `The name of a device may have ${MAX_CHARACTERS} characters at most.`);
  }
  return name;
}
