/** Largest block of headers of a part. */
const MAX_PART_HEADERS_BYTES = 8_192;

export interface Part {
  /** By name in lower case; of one that is repeated, the last. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * The first two parts of a `multipart/mixed` body, whose type the header says; `undefined` where it is no such thing.
 * The parts are views into the body. What comes after them is not looked at.
 * Specification: server-server API, "Content Repository"; RFC 2046, section 5.1.
 */
export function parseMultipart(contentType: string | undefined, body: Uint8Array): [Part, Part] | undefined {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) return undefined;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const delimiter = Buffer.from(`--${boundary}`, 'latin1');
  // The first delimiter may stand at the very beginning; all others begin a line.
  const start = bytes.subarray(0, delimiter.length).equals(delimiter) ? 0 : lineStart(bytes, delimiter, 0);
  const first = start === undefined ? undefined : partAt(bytes, delimiter, start);
  const second = first === undefined ? undefined : partAt(bytes, delimiter, first.end);
  return first === undefined || second === undefined ? undefined : [first, second];
}

function boundaryOf(contentType = ''): string | undefined {
  const match = /^multipart\/mixed\s*;(?:.*;)?\s*boundary=(?:"([^"\\]{1,70})"|([^\s";,]{1,70}))\s*(?:;|$)/i;
  const found = match.exec(contentType.slice(0, 1_000));
  return found?.[1] ?? found?.[2];
}

/** The part that follows the delimiter at `start`; `end` is where the next delimiter stands. */
function partAt(bytes: Buffer, delimiter: Buffer, start: number): (Part & { readonly end: number }) | undefined {
  const lineEnd = bytes.indexOf('\r\n', start + delimiter.length);
  const end = lineEnd === -1 ? undefined : lineStart(bytes, delimiter, lineEnd);
  // After the delimiter only white space may stand; "--" would be the end of all parts.
  if (end === undefined || !/^[ \t]*$/.test(bytes.toString('latin1', start + delimiter.length, lineEnd))) {
    return undefined;
  }
  const bodyEnd = end - 2;
  // The blank line comes at once where there are no headers.
  const headersEnd = bytes.indexOf('\r\n\r\n', lineEnd);
  if (headersEnd === -1 || headersEnd > bodyEnd || headersEnd - lineEnd > MAX_PART_HEADERS_BYTES) return undefined;
  return {
    headers: headersIn(bytes.toString('utf8', lineEnd, headersEnd)),
    body: bytes.subarray(Math.min(headersEnd + 4, bodyEnd), bodyEnd),
    end,
  };
}

/** Where the delimiter begins a line from `from` on. */
function lineStart(bytes: Buffer, delimiter: Buffer, from: number): number | undefined {
  const found = bytes.indexOf(Buffer.concat([Buffer.from('\r\n'), delimiter]), from);
  return found === -1 ? undefined : found + 2;
}

function headersIn(text: string): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}
