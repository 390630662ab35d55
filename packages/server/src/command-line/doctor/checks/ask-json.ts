import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { OutboundFailure, type OutboundHttp } from '../../../platform/outbound-http.ts';

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 1024 * 1024;
const MAX_REDIRECTS = 5;

export interface JsonReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** `undefined` where the body is no JSON object. */
  readonly json: JsonObject | undefined;
}

/** The answer to a GET; the failure where there is none. */
export async function askJson(http: OutboundHttp, url: string, host?: string): Promise<JsonReply | OutboundFailure> {
  const limits = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES, maxRedirects: MAX_REDIRECTS };
  try {
    const headers = { accept: 'application/json', 'user-agent': 'Limpet' };
    const answer = await http.send({ method: 'GET', url, host, headers, ...limits });
    return { status: answer.status, headers: answer.headers, json: objectIn(answer.body) };
  } catch (error) {
    if (error instanceof OutboundFailure) return error;
    throw error;
  }
}

function objectIn(body: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
