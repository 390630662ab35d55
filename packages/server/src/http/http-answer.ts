import type { JsonObject } from '@limpet/protocol/json';
import type { RawJson } from './raw-json.ts';
import type { StreamedBytes } from './streamed-bytes.ts';

type AnswerBody = JsonObject | RawJson | Uint8Array | string | StreamedBytes;

/**
 * An answer that is more than 200 and a JSON body: another status (user-interactive authentication answers 401 with a
 * body that is no error), headers of its own, or bytes. Refusals are not made this way: throw a MatrixError.
 */
export class HttpAnswer {
  readonly status: number;
  readonly body: AnswerBody;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body: AnswerBody, headers: Readonly<Record<string, string>> = {}) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}
