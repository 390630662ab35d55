import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { parseEventJson } from '@limpet/protocol/parse-event-json';
import { type JsonFault, parseJsonBytes } from '@limpet/protocol/parse-json-bytes';
import type { OutboundResponse } from '../../platform/outbound-http.ts';
import { RemoteServerError } from './remote-servers.ts';

/** Nobody is taken at his word who asks to be left alone for longer. */
const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

/** The JSON of a 200. @throws RemoteServerError for any other status, and for what is no JSON. */
export function readAnswer(destination: string, response: OutboundResponse): JsonValue {
  const parsed = parseJsonBytes(checkStatus(destination, response).body, parseEventJson);
  if (parsed.fault !== undefined) {
    throw new RemoteServerError(destination, 'bad-answer', `${destination} answered 200 with ${FAULTS[parsed.fault]}`);
  }
  return parsed.value;
}

/** The answer, where it is a 200. @throws RemoteServerError for any other status. */
export function checkStatus(destination: string, response: OutboundResponse): OutboundResponse {
  if (response.status !== 200) {
    throw refusal(destination, response);
  }
  return response;
}

const FAULTS: Readonly<Record<JsonFault, string>> = {
  'not-utf-8': 'what is not UTF-8',
  'not-json': 'what is not JSON',
  'too-deep': 'JSON that nests too deep',
  'half-surrogate': 'JSON with half of a surrogate pair',
};

function refusal(destination: string, response: OutboundResponse): RemoteServerError {
  const { status } = response;
  const body = objectIn(response.body);
  const errcode = typeof body.errcode === 'string' ? ` ${body.errcode}` : '';
  const error = typeof body.error === 'string' ? `: ${body.error}` : '';
  return new RemoteServerError(destination, 'refused', `${destination} answered ${status}${errcode}${error}`, {
    status,
    body,
    retryAfterMs: retryAfterMs(response.headers['retry-after'], body.retry_after_ms),
  });
}

/** Refusals of proxies are pages of HTML as often as not. */
function objectIn(bytes: Uint8Array): JsonObject {
  const parsed = parseJsonBytes(bytes, parseEventJson);
  return parsed.fault === undefined && isJsonObject(parsed.value) ? parsed.value : {};
}

function retryAfterMs(header: string | undefined, inBody: JsonValue | undefined): number | undefined {
  const ms = header !== undefined && /^[0-9]{1,9}$/.test(header) ? Number(header) * 1000 : inBody;
  return typeof ms === 'number' && ms >= 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : undefined;
}
