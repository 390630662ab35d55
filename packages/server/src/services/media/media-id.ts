import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Random } from '../../platform/random.ts';

/** Longest media ID of another server that is asked for. */
const MAX_MEDIA_ID_LENGTH = 255;
/** 18 bytes make 24 characters, which nobody guesses: whoever knows the URI of media of this server may have it. */
const NEW_MEDIA_ID_BYTES = 18;

/**
 * A media ID, which comes out as it came in. Throws M_INVALID_PARAM for anything but the characters that the
 * specification lets through. Specification: client-server API, "Content repository", "Security considerations".
 */
export function parseMediaId(text: string): string {
  if (text.length <= MAX_MEDIA_ID_LENGTH && /^[A-Za-z0-9_-]+$/.test(text)) return text;
  throw new MatrixError('M_INVALID_PARAM', 'This is no media ID: it has letters, digits, "_" and "-" only.');
}

export function newMediaId(random: Random): string {
  return Buffer.from(random.bytes(NEW_MEDIA_ID_BYTES)).toString('base64url');
}
