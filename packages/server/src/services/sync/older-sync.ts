import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { STABLE_STICKY_NAMES, UNSTABLE_STICKY_NAMES } from '@limpet/sticky/sticky-names';
import type { StreamVector } from '../../storage/stream.ts';
import { parseFilter } from '../accounts/filter.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncService } from './sync-service.ts';
import { formatSyncToken, type SyncToken } from './sync-token.ts';

/** Messages of each room, where the client does not say, and at most. */
const DEFAULT_MESSAGES = 10;
const MAX_MESSAGES = 100;
/** Events of each room in one answer of the stream. */
const MAX_STREAMED = 1_000;
const STICKY_SECTIONS: readonly string[] = [STABLE_STICKY_NAMES, UNSTABLE_STICKY_NAMES].map(
  ({ syncSection }) => syncSection,
);

export interface OlderSyncParts {
  readonly sync: Pick<SyncService, 'sync'>;
  readonly databaseTag: string;
  readonly current: () => StreamVector;
}

interface Asking {
  readonly userId: string;
  readonly deviceId: string;
  readonly signal: AbortSignal;
}

export interface StreamRequest extends Asking {
  readonly from: SyncToken | undefined;
  readonly timeoutMs: number;
  /** This room alone. */
  readonly roomId: string | undefined;
}

/**
 * What clients synced by before `/sync`, told from what `/sync` would answer.
 * Specification: client-server API, "Old sync endpoints".
 */
export class OlderSync {
  readonly #parts: OlderSyncParts;

  constructor(parts: OlderSyncParts) {
    this.#parts = parts;
  }

  async initialSync(
    asking: Asking & { readonly limit: number | undefined; readonly archived: boolean },
  ): Promise<JsonObject> {
    const limit = Math.min(asking.limit ?? DEFAULT_MESSAGES, MAX_MESSAGES);
    const filter = parseFilter({ room: { timeline: { limit }, include_leave: asking.archived } });
    // The state is that of now, and not that at the start of the messages.
    const stateAfterName = 'state';
    const answer = await this.#sync(asking, { since: undefined, filter, timeoutMs: 0, stateAfterName });
    const end = answer.next_batch ?? '';
    const rooms = Object.entries(inside(answer, 'rooms', 'join')).map(([roomId, room]) =>
      presentRoom({ roomId, membership: 'join', room, end }),
    );
    for (const [roomId, room] of Object.entries(inside(answer, 'rooms', 'leave'))) {
      rooms.push(presentRoom({ roomId, membership: 'leave', room, end }));
    }
    for (const [roomId, room] of Object.entries(inside(answer, 'rooms', 'invite'))) {
      rooms.push({ room_id: roomId, membership: 'invite', state: eventsIn(room, 'invite_state') });
    }
    const presence = eventsIn(answer, 'presence');
    return { end, presence, rooms, account_data: eventsIn(answer, 'account_data') };
  }

  async events(request: StreamRequest): Promise<JsonObject> {
    const { from = { vector: this.#parts.current(), sticky: undefined, toDeviceUpTo: undefined }, roomId } = request;
    const rooms = roomId === undefined ? {} : { rooms: [roomId] };
    const filter = parseFilter({ room: { ...rooms, timeline: { limit: MAX_STREAMED } } });
    const how = { since: from, filter, timeoutMs: request.timeoutMs, stateAfterName: undefined };
    const answer = await this.#sync(request, how);
    const chunk = roomId === undefined ? eventsIn(answer, 'presence') : [];
    for (const [joined, room] of Object.entries(inside(answer, 'rooms', 'join'))) {
      for (const section of ['timeline', ...STICKY_SECTIONS, 'ephemeral']) {
        for (const event of eventsIn(room, section)) chunk.push({ ...event, room_id: joined });
      }
    }
    return { start: formatSyncToken(from, this.#parts.databaseTag), end: answer.next_batch ?? '', chunk };
  }

  async #sync(
    { userId, deviceId, signal }: Asking,
    how: Pick<SyncRequest, 'since' | 'filter' | 'timeoutMs' | 'stateAfterName'>,
  ): Promise<JsonObject> {
    const request = { userId, deviceId, signal, fullState: false, ...how };
    const answer: JsonValue = JSON.parse(await this.#parts.sync.sync(request));
    return isJsonObject(answer) ? answer : {};
  }
}

interface SyncedRoom {
  readonly roomId: string;
  readonly membership: string;
  readonly room: JsonValue;
  readonly end: JsonValue;
}

function presentRoom({ roomId, membership, room, end }: SyncedRoom): JsonObject {
  const timeline = inside(isJsonObject(room) ? room : {}, 'timeline');
  const chunk = eventsIn(room, 'timeline').map((event) => ({ ...event, room_id: roomId }));
  return {
    room_id: roomId,
    membership,
    messages: { start: timeline.prev_batch ?? end, end, chunk },
    state: eventsIn(room, 'state').map((event) => ({ ...event, room_id: roomId })),
    account_data: eventsIn(room, 'account_data'),
    ...stickyOf(room),
  };
}

/** The sections of what is sticky and fell out of `messages` (C1, C9), as `/sync` has them. */
function stickyOf(room: JsonValue): JsonObject {
  const sections = Object.entries(isJsonObject(room) ? room : {}).filter(([name]) => STICKY_SECTIONS.includes(name));
  return Object.fromEntries(sections);
}

function inside(value: JsonObject, ...keys: readonly string[]): JsonObject {
  let found = value;
  for (const key of keys) {
    const next = found[key];
    found = isJsonObject(next) ? next : {};
  }
  return found;
}

function eventsIn(value: JsonValue, section: string): JsonObject[] {
  const { events } = inside(isJsonObject(value) ? value : {}, section);
  return Array.isArray(events) ? events.filter(isJsonObject) : [];
}
