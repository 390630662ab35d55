/** Longest value of Content-Type that is kept. */
const MAX_CONTENT_TYPE_LENGTH = 255;

/** What has no type, or one that is none. Specification: client-server API, "Content repository". */
export const UNKNOWN_CONTENT_TYPE = 'application/octet-stream';

/** The type as it was given, where it has the form of one: `type/subtype` and parameters, in visible ASCII. */
export function safeContentType(given: string | undefined): string {
  const text = given?.trim() ?? '';
  return text.length <= MAX_CONTENT_TYPE_LENGTH && CONTENT_TYPE.test(text) ? text : UNKNOWN_CONTENT_TYPE;
}

const CONTENT_TYPE = /^[A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+( *;[\x20-\x7e]*)?$/;
