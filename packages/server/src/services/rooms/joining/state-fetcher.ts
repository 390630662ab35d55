import type { JsonValue } from '@limpet/protocol/json';
import type { Platform } from '../../../platform/platform.ts';
import { RemoteServerError, type RemoteServers } from '../../remote-servers/remote-servers.ts';
import type { EventStore } from '../event-store.ts';
import type { RoomRecord } from '../room-event.ts';
import type { RoomReceiver } from '../room-receiver.ts';
import { arrayIn, fetchEvents } from './fetch-events.ts';
import { verifyMany } from './verify-many.ts';

/** More than this many missing events are asked for as a whole state. */
const MAX_SINGLE_EVENTS = 50;
const STATE_IDS_TIMEOUT_MS = 30_000;
const STATE_TIMEOUT_MS = 60_000;
/** Two hundred thousand event IDs. */
const MAX_STATE_IDS_BYTES = 16 * 1024 * 1024;
/** State and auth chain of a room with a hundred thousand members. */
const MAX_STATE_BYTES = 150 * 1024 * 1024;
/** Events that the database is asked for at once. */
const IDS_PER_READ = 1_000;

export interface StateFetcherParts {
  readonly remote: RemoteServers;
  readonly receiver: RoomReceiver;
  readonly events: EventStore;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
}

/** Fetches the state before an event, and keeps what of it was not here. */
export class StateFetcher {
  readonly #parts: StateFetcherParts;

  constructor(parts: StateFetcherParts) {
    this.#parts = parts;
  }

  /**
   * The IDs of the state before the event, all of them here as outliers at least. @throws RemoteServerError where the
   * server gives no state that a room can have.
   */
  async before(eventId: string, room: RoomRecord, serverName: string): Promise<readonly string[]> {
    const answer = await this.#ask('state_ids', eventId, room, serverName);
    const stateIds = textsIn(answer, 'pdu_ids');
    const wanted = [...new Set([...stateIds, ...textsIn(answer, 'auth_chain_ids')])];
    const missing = wanted.filter(isNotIn(await this.#known(wanted, room)));
    if (missing.length > 0) await this.#keep(missing, { eventId, room, serverName });
    const known = await this.#known(stateIds, room);
    const state = stateIds.filter((stateId) => known.has(stateId));
    if (!state.some((stateId) => known.get(stateId) === 'm.room.create')) {
      throw new RemoteServerError(serverName, 'bad-answer', 'The state has no m.room.create event.');
    }
    return state;
  }

  async #keep(
    missing: readonly string[],
    { eventId, room, serverName }: { eventId: string; room: RoomRecord; serverName: string },
  ): Promise<void> {
    const { remote, receiver, platform } = this.#parts;
    const objects =
      missing.length <= MAX_SINGLE_EVENTS
        ? await fetchEvents(remote, serverName, missing)
        : await this.#wholeState(eventId, room, serverName);
    const verification = { version: room.version, keys: remote.keys, receivedTs: platform.clock.nowMs() };
    const { events } = await verifyMany(objects, verification, platform.timers);
    const wanted = new Set(missing);
    await receiver.keepOutliers(
      room,
      events.filter(({ pdu }) => wanted.has(pdu.eventId) && pdu.roomId === room.roomId),
    );
  }

  async #wholeState(eventId: string, room: RoomRecord, serverName: string): Promise<readonly JsonValue[]> {
    const answer = await this.#ask('state', eventId, room, serverName);
    return [...arrayIn(answer, 'pdus'), ...arrayIn(answer, 'auth_chain')];
  }

  #ask(endpoint: 'state' | 'state_ids', eventId: string, room: RoomRecord, serverName: string): Promise<JsonValue> {
    return this.#parts.remote.request(serverName, {
      method: 'GET',
      path: `/_matrix/federation/v1/${endpoint}/${encodeURIComponent(room.roomId)}`,
      query: { event_id: eventId },
      timeoutMs: endpoint === 'state' ? STATE_TIMEOUT_MS : STATE_IDS_TIMEOUT_MS,
      maxBytes: endpoint === 'state' ? MAX_STATE_BYTES : MAX_STATE_IDS_BYTES,
    });
  }

  /** The types of those that are here, of this room, and were not refused. */
  async #known(eventIds: readonly string[], room: RoomRecord): Promise<Map<string, string>> {
    const known = new Map<string, string>();
    for (let first = 0; first < eventIds.length; first += IDS_PER_READ) {
      const found = await this.#parts.events.byIds(eventIds.slice(first, first + IDS_PER_READ));
      for (const [eventId, event] of found) {
        if (!event.isRejected && event.room.nid === room.nid) known.set(eventId, event.pdu.type);
      }
    }
    return known;
  }
}

function textsIn(answer: JsonValue, name: string): string[] {
  return arrayIn(answer, name).filter((value) => typeof value === 'string');
}

function isNotIn(known: ReadonlyMap<string, string>): (eventId: string) => boolean {
  return (eventId) => !known.has(eventId);
}
