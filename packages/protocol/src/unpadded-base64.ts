/**
 * Base64 without padding, which is how Matrix writes bytes in JSON. Specification: appendices, "Unpadded Base64".
 */
export function encodeUnpaddedBase64(bytes: Uint8Array): string {
  return withoutPadding(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'));
}

/** The same in the alphabet that is safe in URLs (`-` and `_`), which event IDs have used since room version 4. */
export function encodeUrlSafeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

/** Reads either alphabet, padded or not; `undefined` where the text is not Base64. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const digits = withoutPadding(text);
  return BASE64.test(digits) && digits.length % 4 !== 1 ? Buffer.from(digits, 'base64') : undefined;
}

/** Cuts the `=` off the end. */
export function withoutPadding(base64: string): string {
  let end = base64.length;
  while (end > 0 && end > base64.length - 2 && base64.charCodeAt(end - 1) === EQUALS) {
    end--;
  }
  return base64.slice(0, end);
}

const EQUALS = 0x3d;

const BASE64 = /^[A-Za-z0-9+/_-]*$/;
