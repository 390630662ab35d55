/** Longest header that is looked at, and longest name that is taken from it, in characters. */
const MAX_HEADER_LENGTH = 4_096;
const MAX_FILE_NAME_LENGTH = 255;

/**
 * The file name that a `Content-Disposition` header says; `undefined` where it says none, or one that is no text. The
 * encoded form goes before the plain one (RFC 6266, section 4.3).
 */
export function fileNameOf(header: string | undefined): string | undefined {
  if (header === undefined || header.length > MAX_HEADER_LENGTH) return undefined;
  const name = encodedName(header) ?? quotedName(header) ?? tokenName(header);
  const isGood = name !== undefined && name !== '' && name.length <= MAX_FILE_NAME_LENGTH && name.isWellFormed();
  return isGood ? name : undefined;
}

function encodedName(header: string): string | undefined {
  const encoded = /;\s*filename\*\s*=\s*utf-8'[^']*'([^\s;,"']+)/i.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    // Not UTF-8: the plain form, if there is one, has to do.
    return undefined;
  }
}

function quotedName(header: string): string | undefined {
  return /;\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"/i.exec(header)?.[1]?.replaceAll(/\\(.)/g, '$1');
}

function tokenName(header: string): string | undefined {
  return /;\s*filename\s*=\s*([^\s";,]+)/i.exec(header)?.[1];
}
