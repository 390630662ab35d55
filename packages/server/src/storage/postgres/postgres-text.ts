/**
 * PostgreSQL keeps every character but NUL, which a Matrix text may have. So NUL goes in as two characters, and so
 * does the one that begins them. The order of texts stays what it was, and a text without the two characters is kept
 * as it is.
 */
const NUL = '\u0000';
const ESCAPE = '\u0001';
const ESCAPED_NUL = '\u00010';
const ESCAPED_ESCAPE = '\u00011';

export function escapeText(text: string): string {
  if (!text.includes(NUL) && !text.includes(ESCAPE)) return text;
  return text.replaceAll(ESCAPE, ESCAPED_ESCAPE).replaceAll(NUL, ESCAPED_NUL);
}

export function unescapeText(text: string): string {
  if (!text.includes(ESCAPE)) return text;
  return text.replaceAll(ESCAPED_NUL, NUL).replaceAll(ESCAPED_ESCAPE, ESCAPE);
}
