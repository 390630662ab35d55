import { TargetFault } from '../faults.ts';
import type { HttpConnection, HttpRequest } from '../http/http-connection.ts';
import type { HttpResponse } from '../http/response-reader.ts';

export type JsonAnswer = Readonly<Record<string, unknown>>;

export interface CallRequest {
  readonly method: HttpRequest['method'];
  readonly path: string;
  readonly body?: object;
}

/** One request whose answer must be a JSON object with status 200. Throws TargetFault with the errcode and its text. */
export async function call(connection: HttpConnection, request: CallRequest): Promise<JsonAnswer> {
  const response = await send(connection, request);
  if (response.status !== 200) throw refusal(request, response);
  return readJson(response);
}

/** Like `call`, for who deals with other statuses. */
export function send(connection: HttpConnection, { method, path, body }: CallRequest): Promise<HttpResponse> {
  return connection.request({ method, path, body: body === undefined ? undefined : JSON.stringify(body) });
}

export function readJson({ body }: HttpResponse): JsonAnswer {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as JsonAnswer;
  } catch {
    // Said below, like any other answer that is not an object.
  }
  throw new TargetFault(`The target answered something that is no JSON object: ${body.toString('utf8', 0, 80)}`);
}

/** What a refused request is told as: one line, with what to configure where that is known. */
export function refusal(
  { method, path }: Pick<HttpRequest, 'method' | 'path'>,
  { status, body }: HttpResponse,
): TargetFault {
  const [shortPath] = path.split('?');
  const said = body.toString('utf8', 0, 300).replaceAll(/\s+/g, ' ');
  const advice = status === 429 ? '. Turn rate limits off for the bench (Limpet: rate_limits: { enabled: false })' : '';
  return new TargetFault(`${method} ${shortPath} was answered ${status} ${said}${advice}`);
}

/** A text of the answer. Throws TargetFault when it has none of that name. */
export function textOf(answer: JsonAnswer, name: string): string {
  const value = answer[name];
  if (typeof value !== 'string') throw new TargetFault(`The target answered without "${name}"`);
  return value;
}
