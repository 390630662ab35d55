import type { BuiltEvent } from '@limpet/protocol/build-event';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { ROOM_VERSION_IDS } from '@limpet/protocol/room-version';
import { RemoteServerError, type RemoteServers } from '../../remote-servers/remote-servers.ts';
import { type MemberAsked, type MemberTemplate, readMemberTemplate } from './member-template.ts';

/** A template is small, and made from what the resident server has in memory. */
const MAX_TEMPLATE_BYTES = 262_144;
const TEMPLATE_TIMEOUT_MS = 30_000;

/** `make_join`, `make_leave`, `make_knock`. @throws RemoteServerError for anything but a template of what was asked. */
export async function askForTemplate(
  remote: RemoteServers,
  serverName: string,
  asked: MemberAsked,
): Promise<MemberTemplate> {
  const { membership, roomId, userId } = asked;
  const answer = await remote.request(serverName, {
    method: 'GET',
    path: `/_matrix/federation/v1/make_${membership}/${encodeURIComponent(roomId)}/${encodeURIComponent(userId)}`,
    // Leaving takes no list: who was let in knows the version.
    ...(membership === 'leave' ? {} : { query: { ver: ROOM_VERSION_IDS } }),
    timeoutMs: TEMPLATE_TIMEOUT_MS,
    maxBytes: MAX_TEMPLATE_BYTES,
  });
  const read = readMemberTemplate(answer, asked);
  if (!read.allowed) throw new RemoteServerError(serverName, 'bad-answer', read.reason);
  return read.template;
}

export interface Submission {
  /** `send_join`. */
  readonly endpoint: 'send_join' | 'send_leave' | 'send_knock';
  readonly roomId: string;
  readonly event: BuiltEvent;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

/**
 * Hands in the signed event, by the second version of the endpoint where there is one, and by the first where a server
 * does not have that. The answer as an object, `{}` where it is none. @throws RemoteServerError
 */
export async function submit(remote: RemoteServers, serverName: string, submission: Submission): Promise<JsonObject> {
  const { endpoint, roomId, event, timeoutMs, maxBytes } = submission;
  const room = `${endpoint}/${encodeURIComponent(roomId)}/${encodeURIComponent(event.pdu.eventId)}`;
  const put = (version: 'v1' | 'v2'): Promise<JsonValue> =>
    remote.request(serverName, {
      method: 'PUT',
      path: `/_matrix/federation/${version}/${room}`,
      body: event.canonicalJson,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
    });
  if (endpoint === 'send_knock') return objectIn(await put('v1'));
  try {
    return objectIn(await put('v2'));
  } catch (error) {
    if (!isUnknownEndpoint(error)) throw error;
    // The first version wraps its answer: [200, {…}].
    const answer = await put('v1');
    return objectIn(Array.isArray(answer) ? (answer[1] ?? {}) : answer);
  }
}

/** Whether a server said that it has no such endpoint, as against no such room. */
export function isUnknownEndpoint(error: unknown): error is RemoteServerError {
  if (!(error instanceof RemoteServerError) || (error.status !== 404 && error.status !== 405)) return false;
  return error.errcode === undefined || error.errcode === 'M_UNRECOGNIZED';
}

function objectIn(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : {};
}
