import { TargetFault } from '../faults.ts';

/** Longest head of a response. */
const MAX_HEAD_BYTES = 65_536;
/** Longest body: more than any `/sync` that a bench should ask for. */
const MAX_BODY_BYTES = 256 * 1024 * 1024;

const END_OF_HEAD = '\r\n\r\n';
const END_OF_CHUNKS = Buffer.from('0\r\n\r\n');

export interface HttpResponse {
  readonly status: number;
  readonly body: Buffer;
  /** Whether the connection takes another request. */
  readonly keepsAlive: boolean;
}

interface Head {
  readonly status: number;
  readonly keepsAlive: boolean;
  readonly bodyStart: number;
  /** Of the body, in bytes; `undefined` when it comes in chunks. */
  readonly length: number | undefined;
}

/**
 * Puts HTTP/1.1 responses together, one after the other (no pipelining). It knows only as much of HTTP as homeservers
 * use, since every microsecond that the bench takes is one that the target on the same machine does not get.
 */
export class ResponseReader {
  #pieces: Buffer[] = [];
  #byteCount = 0;
  #head: Head | undefined;

  /** Whether bytes of an unfinished response have come. */
  get hasBegun(): boolean {
    return this.#byteCount > 0;
  }

  /** Takes the next bytes; gives the response when they complete it. Throws TargetFault. */
  push(bytes: Buffer): HttpResponse | undefined {
    this.#pieces.push(bytes);
    this.#byteCount += bytes.length;
    this.#head ??= this.#readHead();
    if (this.#head === undefined) return undefined;
    if (this.#byteCount > MAX_BODY_BYTES) throw new TargetFault(`A response is over ${MAX_BODY_BYTES} bytes`);
    const body = this.#head.length === undefined ? this.#readChunks(this.#head) : this.#readBody(this.#head);
    if (body === undefined) return undefined;
    const { status, keepsAlive } = this.#head;
    this.reset();
    return { status, body, keepsAlive };
  }

  reset(): void {
    this.#pieces = [];
    this.#byteCount = 0;
    this.#head = undefined;
  }

  #readHead(): Head | undefined {
    const bytes = this.#joined();
    const end = bytes.indexOf(END_OF_HEAD);
    if (end < 0) {
      if (bytes.length > MAX_HEAD_BYTES)
        throw new TargetFault(`The head of a response is over ${MAX_HEAD_BYTES} bytes`);
      return undefined;
    }
    return parseHead(bytes.toString('latin1', 0, end + 2), end + END_OF_HEAD.length);
  }

  #readBody({ bodyStart, length = 0 }: Head): Buffer | undefined {
    if (this.#byteCount < bodyStart + length) return undefined;
    return this.#joined().subarray(bodyStart, bodyStart + length);
  }

  #readChunks({ bodyStart }: Head): Buffer | undefined {
    const last = this.#pieces.at(-1);
    const mayBeEnd =
      last === undefined || last.length < END_OF_CHUNKS.length || last.subarray(-5).equals(END_OF_CHUNKS);
    return mayBeEnd ? joinChunks(this.#joined(), bodyStart) : undefined;
  }

  #joined(): Buffer {
    const [only] = this.#pieces;
    if (only !== undefined && this.#pieces.length === 1) return only;
    const joined = Buffer.concat(this.#pieces, this.#byteCount);
    this.#pieces = [joined];
    return joined;
  }
}

const STATUS = /^HTTP\/1\.[01] (\d{3})/;
const LENGTH = /\r\ncontent-length:[ \t]*(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding:[ \t]*chunked/i;
const CLOSE = /\r\nconnection:[ \t]*close/i;
const BODYLESS: readonly number[] = [204, 304];

function parseHead(text: string, bodyStart: number): Head {
  const status = Number(STATUS.exec(text)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) throw new TargetFault('The target does not speak HTTP/1.1');
  const keepsAlive = !CLOSE.test(text);
  if (CHUNKED.test(text)) return { status, keepsAlive, bodyStart, length: undefined };
  const length = LENGTH.exec(text)?.[1];
  if (length === undefined && !BODYLESS.includes(status)) {
    throw new TargetFault('A response has neither Content-Length nor chunks');
  }
  return { status, keepsAlive, bodyStart, length: Number(length ?? 0) };
}

/** The body, or `undefined` when the last chunk is not there yet. */
function joinChunks(bytes: Buffer, start: number): Buffer | undefined {
  const chunks: Buffer[] = [];
  let at = start;
  while (true) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (Number.isNaN(size)) throw new TargetFault('A response has a chunk without a size');
    const end = lineEnd + 2 + size;
    if (bytes.length < end + 2) return undefined;
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(lineEnd + 2, end));
    at = end + 2;
  }
}
