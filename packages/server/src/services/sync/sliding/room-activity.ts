import { createCache } from '../../../cache/create-cache.ts';
import type { Timers } from '../../../platform/timers.ts';
import type { PublishedChange } from '../../../storage/change.ts';
import { selectRoomActivity } from '../../../storage/queries/sliding-sync.ts';
import type { Storage } from '../../../storage/storage.ts';
import { inTurns } from '../../rooms/breathe.ts';
import type { RoomRecord } from '../../rooms/room-event.ts';

/** Rooms whose activity is kept in memory, at some 150 bytes each. */
const MAX_CACHED_ROOMS = 200_000;
/** MSC4186, `bump_stamp`. The index `events_by_bump` has the same. */
const BUMPING_TYPES = new Set([
  ...['m.room.create', 'm.room.message', 'm.room.encrypted', 'm.sticker', 'm.call.invite', 'm.poll.start'],
  'm.beacon_info',
]);

/** Positions in the stream, of one writer still; 0 where there is none. */
export interface Activity {
  /** Of the last event. */
  readonly last: number;
  /** Of the last one that users take for activity. */
  readonly bump: number;
}

const NO_ACTIVITY: Activity = { last: 0, bump: 0 };

/** When something last happened in each room: read once, and then followed along the stream. */
export class RoomActivity {
  readonly #storage: Storage;
  readonly #timers: Timers;
  readonly #known = createCache<string, Activity>(MAX_CACHED_ROOMS);
  /** What came while rooms were being read. Another reader may have made one known meanwhile, so it is of all rooms. */
  readonly #meanwhile = new Map<string, Activity>();
  #readers = 0;

  constructor(storage: Storage, timers: Timers) {
    this.#storage = storage;
    this.#timers = timers;
    storage.stream.follow((changes) => {
      for (const change of changes) if (change.kind === 'event') this.#note(change);
    });
  }

  /** For each of these rooms what there is, or a little more: what is about to be published may be in it. */
  async of(rooms: readonly RoomRecord[]): Promise<ReadonlyMap<number, Activity>> {
    const found = new Map<number, Activity>();
    const missing: RoomRecord[] = [];
    for (const room of rooms) {
      const known = this.#known.get(room.roomId);
      if (known === undefined) missing.push(room);
      else found.set(room.nid, known);
    }
    if (missing.length > 0) await this.#read(missing, found);
    return found;
  }

  async #read(rooms: readonly RoomRecord[], found: Map<number, Activity>): Promise<void> {
    this.#readers += 1;
    try {
      const roomNids = rooms.map(({ nid }) => nid);
      const rows = await inTurns(this.#timers, roomNids, (part) =>
        this.#storage.read(selectRoomActivity, { roomNids: part }),
      );
      const byNid = new Map(rows.map((row) => [row.room_nid, { last: row.last_position, bump: row.bump_position }]));
      for (const { nid, roomId } of rooms) {
        const activity = later(byNid.get(nid) ?? NO_ACTIVITY, this.#meanwhile.get(roomId) ?? NO_ACTIVITY);
        found.set(nid, activity);
        this.#known.set(roomId, activity);
      }
    } finally {
      this.#readers -= 1;
      if (this.#readers === 0) this.#meanwhile.clear();
    }
  }

  #note({ roomId, type, position }: PublishedChange & { kind: 'event' }): void {
    const news = { last: position, bump: BUMPING_TYPES.has(type) ? position : 0 };
    const known = this.#known.get(roomId);
    if (known !== undefined) this.#known.set(roomId, later(known, news));
    if (this.#readers > 0) this.#meanwhile.set(roomId, later(this.#meanwhile.get(roomId) ?? NO_ACTIVITY, news));
  }
}

function later(one: Activity, other: Activity): Activity {
  return { last: Math.max(one.last, other.last), bump: Math.max(one.bump, other.bump) };
}
