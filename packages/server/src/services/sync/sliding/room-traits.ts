import { createCache } from '../../../cache/create-cache.ts';
import type { Timers } from '../../../platform/timers.ts';
import { selectSlotsOfRooms } from '../../../storage/queries/sliding-sync.ts';
import type { Storage } from '../../../storage/storage.ts';
import { inTurns } from '../../rooms/breathe.ts';
import type { EventStore } from '../../rooms/event-store.ts';
import type { RoomRecord } from '../../rooms/room-event.ts';
import type { RoomReader } from '../../rooms/room-reader.ts';
import type { RoomStateReader } from '../../rooms/room-state.ts';
import type { UserRoom } from '../user-room.ts';

/** Rooms, and invites, whose traits are kept in memory, at some 150 bytes each. */
const MAX_CACHED_ROOMS = 200_000;
const MAX_CACHED_INVITES = 20_000;

/** What lists filter rooms by. */
export interface RoomTraits {
  readonly roomType: string | undefined;
  readonly isEncrypted: boolean;
  readonly name: string | undefined;
}

const TRAIT_TYPES = ['m.room.create', 'm.room.encryption', 'm.room.name'];

interface RoomTraitsSources {
  readonly storage: Storage;
  readonly timers: Timers;
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly rooms: RoomReader;
}

/**
 * Traits of rooms, kept until the state that they come from changes. Of a room that the user is not in, they are what
 * its inviter said of it.
 */
export class KnownRoomTraits {
  readonly #sources: RoomTraitsSources;
  readonly #ofRooms = createCache<string, RoomTraits>(MAX_CACHED_ROOMS);
  /** By the nid of the invite. */
  readonly #ofInvites = createCache<number, RoomTraits>(MAX_CACHED_INVITES);
  /** Counts what changed: what was read meanwhile may be out of date, and is not kept. */
  #news = 0;

  constructor(sources: RoomTraitsSources) {
    this.#sources = sources;
    sources.storage.stream.follow((changes) => {
      for (const change of changes) {
        const isTrait = change.kind === 'event' && change.stateKey === '' && TRAIT_TYPES.includes(change.type);
        if (!isTrait && change.kind !== 'state-resolved') continue;
        this.#ofRooms.delete(change.roomId);
        this.#news += 1;
      }
    });
  }

  /** By room nid. */
  async of(rooms: readonly UserRoom[]): Promise<ReadonlyMap<number, RoomTraits>> {
    const found = new Map<number, RoomTraits>();
    const missing: RoomRecord[] = [];
    for (const userRoom of rooms) {
      const { room, membership } = userRoom;
      const isStripped = membership.membership === 'invite' || membership.membership === 'knock';
      const known = isStripped ? await this.#ofInvite(userRoom) : this.#ofRooms.get(room.roomId);
      if (known === undefined) missing.push(room);
      else found.set(room.nid, known);
    }
    if (missing.length > 0) await this.#read(missing, found);
    return found;
  }

  async #read(rooms: readonly RoomRecord[], found: Map<number, RoomTraits>): Promise<void> {
    const { storage, timers, events, state } = this.#sources;
    const news = this.#news;
    const slots = new Map<number, string>();
    for (const type of TRAIT_TYPES) {
      const slotNid = await state.slotNid(type, '');
      if (slotNid !== undefined) slots.set(slotNid, type);
    }
    const roomNids = rooms.map(({ nid }) => nid);
    const slotNids = [...slots.keys()];
    const rows = await inTurns(timers, roomNids, (part) =>
      storage.read(selectSlotsOfRooms, { roomNids: part, slotNids }),
    );
    const states = Map.groupBy(rows, (row) => row.room_nid);
    const known = await inTurns(timers, rooms, async (part) => {
      const nids = part.flatMap(({ nid }) => (states.get(nid) ?? []).map((row) => row.event_nid));
      const contents = await events.byNids(nids);
      return part.map((room): [RoomRecord, RoomTraits] => {
        const contentOf = (type: string) => {
          const row = states.get(room.nid)?.find(({ slot_nid }) => slots.get(slot_nid) === type);
          return row && (contents.get(row.event_nid)?.pdu.content ?? {});
        };
        return [room, traitsOf(contentOf)];
      });
    });
    for (const [room, traits] of known) {
      found.set(room.nid, traits);
      if (news === this.#news) this.#ofRooms.set(room.roomId, traits);
    }
  }

  async #ofInvite({ room, membership }: UserRoom): Promise<RoomTraits> {
    const known = this.#ofInvites.get(membership.eventNid);
    if (known !== undefined) return known;
    const text = await this.#sources.rooms.strippedState(room, membership.userId);
    const state = JSON.parse(text) as { type: string; content: Record<string, unknown> }[];
    const traits = traitsOf((type) => state.find((event) => event.type === type)?.content);
    this.#ofInvites.set(membership.eventNid, traits);
    return traits;
  }
}

function traitsOf(contentOf: (type: string) => Readonly<Record<string, unknown>> | undefined): RoomTraits {
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  return {
    roomType: text(contentOf('m.room.create')?.type),
    isEncrypted: contentOf('m.room.encryption') !== undefined,
    name: text(contentOf('m.room.name')?.name),
  };
}
