/**
 * Types that a browser may show in place; with the type given, it will not take them for pages that run.
 * Specification: client-server API, "Serving inline content".
 */
const INLINE_TYPES: ReadonlySet<string> = new Set([
  'text/css',
  'text/plain',
  'text/csv',
  'application/json',
  'application/ld+json',
  'image/jpeg',
  'image/gif',
  'image/png',
  'image/apng',
  'image/webp',
  'image/avif',
  'video/mp4',
  'video/webm',
  'video/ogg',
  'video/quicktime',
  'audio/mp4',
  'audio/webm',
  'audio/aac',
  'audio/mpeg',
  'audio/ogg',
  'audio/wave',
  'audio/wav',
  'audio/x-wav',
  'audio/x-pn-wav',
  'audio/flac',
  'audio/x-flac',
]);

/**
 * `inline` for the types above, `attachment` for the rest; the file name in the form that no name can break out of:
 * plain where it is a token, else percent-encoded (RFC 6266, RFC 8187).
 */
export function contentDisposition(contentType: string, fileName: string | undefined): string {
  const essence = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const disposition = INLINE_TYPES.has(essence) ? 'inline' : 'attachment';
  return fileName === undefined ? disposition : `${disposition}; ${fileNameParameter(fileName)}`;
}

function fileNameParameter(fileName: string): string {
  if (/^[A-Za-z0-9!#$&+.^_`|~-]+$/.test(fileName)) return `filename=${fileName}`;
  if (/^[\x20-\x7e]+$/.test(fileName) && !/["\\%]/.test(fileName)) return `filename="${fileName}"`;
  return `filename*=UTF-8''${encodeExtended(fileName)}`;
}

/** What encodeURIComponent lets through and RFC 8187 does not. */
function encodeExtended(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(/['()*]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  });
}
