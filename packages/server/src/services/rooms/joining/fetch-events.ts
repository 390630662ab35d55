import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { RemoteServerError, type RemoteServers } from '../../remote-servers/remote-servers.ts';

/** Requests for single events that are under way at once to one server. */
const EVENTS_AT_ONCE = 8;
const EVENT_TIMEOUT_MS = 20_000;
/** One event and what stands around it. */
const MAX_EVENT_BYTES = 262_144;

/**
 * Single events from one server, as JSON; those it does not give are left out. Whoever calls bounds how many.
 * Specification: server-server API, `GET /_matrix/federation/v1/event/{eventId}`.
 */
export async function fetchEvents(
  remote: RemoteServers,
  serverName: string,
  eventIds: readonly string[],
): Promise<JsonObject[]> {
  const found: JsonObject[] = [];
  for (let first = 0; first < eventIds.length; first += EVENTS_AT_ONCE) {
    const some = eventIds.slice(first, first + EVENTS_AT_ONCE);
    const events = await Promise.all(some.map((eventId) => fetchEvent(remote, serverName, eventId)));
    found.push(...events.filter((event) => event !== undefined));
    // Who gives none of these gives none of the others.
    if (events.every((event) => event === undefined)) break;
  }
  return found;
}

async function fetchEvent(remote: RemoteServers, serverName: string, eventId: string): Promise<JsonObject | undefined> {
  try {
    const path = `/_matrix/federation/v1/event/${encodeURIComponent(eventId)}`;
    const request = { method: 'GET', path, timeoutMs: EVENT_TIMEOUT_MS, maxBytes: MAX_EVENT_BYTES } as const;
    const [pdu] = arrayIn(await remote.request(serverName, request), 'pdus');
    return isJsonObject(pdu) ? pdu : undefined;
  } catch (error) {
    if (error instanceof RemoteServerError) return undefined;
    throw error;
  }
}

/** The array of an answer under this name, empty where there is none. */
export function arrayIn(answer: JsonValue, name: string): readonly JsonValue[] {
  const list = isJsonObject(answer) ? answer[name] : undefined;
  return Array.isArray(list) ? list : [];
}
