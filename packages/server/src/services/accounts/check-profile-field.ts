import type { JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';

/** They stand in every membership event of the user. */
const MAX_DISPLAY_NAME_CHARACTERS = 256;
const MAX_AVATAR_URL_CHARACTERS = 1_000;

const MXC_URI = /^mxc:\/\/[^/\s]+\/[A-Za-z0-9_-]+$/;

/** Whether the field is one of those that membership events repeat. */
export function isMemberField(field: string): boolean {
  return field === 'displayname' || field === 'avatar_url';
}

/** Throws M_INVALID_PARAM when the field cannot have this value; fields that clients made up may have any. */
export function checkProfileField(field: string, value: JsonValue): void {
  if (!isMemberField(field)) return;
  if (typeof value !== 'string') {
    throw new MatrixError('M_INVALID_PARAM', `"${field}" must be a string. To remove it, send DELETE.`);
  }
  if (field === 'displayname' && value.length > MAX_DISPLAY_NAME_CHARACTERS) {
    throw new MatrixError('M_INVALID_PARAM', `A name may have ${MAX_DISPLAY_NAME_CHARACTERS} characters at most.`);
  }
  if (field === 'avatar_url' && value !== '' && (value.length > MAX_AVATAR_URL_CHARACTERS || !MXC_URI.test(value))) {
    throw new MatrixError('M_INVALID_PARAM', 'An avatar must be an MXC URI: "mxc://server/media-id".');
  }
}
