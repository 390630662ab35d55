import type { Projection } from '../../src/services/rooms/projection.ts';
import type { Reception } from '../../src/services/rooms/received-event.ts';
import type { RoomRecord } from '../../src/services/rooms/room-event.ts';
import { createStickyProjection } from '../../src/services/sticky-events/sticky-projection.ts';
import { StickyRooms } from '../../src/services/sticky-events/sticky-rooms.ts';
import { selectDueStickyEvents } from '../../src/storage/queries/sticky-events.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { type Branch, ForkedRoom } from './forked-room.ts';
import { createTestRooms, type TestRooms } from './test-rooms.ts';
import { openTestStorage } from './test-storage.ts';

export const ALICE = '@alice:test';
export const BOB = '@bob:near';
export const CAROL = '@carol:far';

/** The writing side of rooms, and a room of other servers that `@alice:test` has joined over one of them. */
export class JoinedRoom {
  readonly storage: Storage;
  rooms: TestRooms;
  readonly far: ForkedRoom;
  /** The join. */
  readonly joined: Branch;

  static async open(projections: readonly Projection[] = []): Promise<JoinedRoom> {
    const storage = await openTestStorage();
    const room = new JoinedRoom(storage, startRooms(storage, 1, projections));
    await room.rooms.receiver.enter(room.far.entry(room.#before, room.joined));
    return room;
  }

  readonly #before: Branch;

  private constructor(storage: Storage, rooms: TestRooms) {
    this.storage = storage;
    this.rooms = rooms;
    this.far = new ForkedRoom(rooms.world.clock.nowMs());
    const bob = this.far.after(this.far.start, this.far.member(BOB, 'join'));
    this.#before = this.far.after(bob, this.far.member(CAROL, 'join'));
    this.joined = this.far.after(this.#before, this.far.member(ALICE, 'join'));
  }

  /** A new process on the same storage. */
  async restart(seed: number): Promise<void> {
    await this.rooms.stop();
    this.rooms = startRooms(this.storage, seed);
  }

  async close(): Promise<void> {
    await this.rooms.stop();
    await this.storage.close();
  }

  receive(...branches: readonly Branch[]): Promise<readonly Reception[]> {
    return this.rooms.receiver.receive(
      this.far.roomId,
      branches.map(({ received }) => received),
    );
  }

  async outcomes(...branches: readonly Branch[]): Promise<string[]> {
    return (await this.receive(...branches)).map(({ outcome }) => outcome);
  }

  async record(): Promise<RoomRecord> {
    const room = await this.rooms.events.room(this.far.roomId);
    if (room === undefined) throw new Error('The room is not there');
    return room;
  }

  /** Event IDs of the timeline, oldest first. */
  async timeline(): Promise<string[]> {
    const range = { after: Number.MIN_SAFE_INTEGER, before: Number.MAX_SAFE_INTEGER, limit: 5_000 };
    const events = await this.rooms.events.forwards({ room: await this.record(), ...range });
    return events.map(({ pdu }) => pdu.eventId);
  }

  async membership(userId: string): Promise<unknown> {
    return (await this.rooms.content(this.far.roomId, 'm.room.member', userId))?.membership;
  }

  async topic(): Promise<unknown> {
    return (await this.rooms.content(this.far.roomId, 'm.room.topic'))?.topic;
  }

  /** The events that the next one of ours comes after. */
  async ends(): Promise<string[]> {
    let found: string[] = [];
    await this.rooms.writer.changeForked(this.far.roomId, ({ room }) => {
      found = room.extremities.map(({ pdu }) => pdu.eventId);
      return { events: [] };
    });
    return found.sort();
  }

  /** What is due of the sticky events of the room, in order. */
  async due(): Promise<string[]> {
    const rows = await this.storage.read(selectDueStickyEvents, {
      ...{ roomNid: (await this.record()).nid, writer: 1, after: 0, upTo: Number.MAX_SAFE_INTEGER },
      ...{ nowMs: this.rooms.world.clock.nowMs(), limit: 5_000 },
    });
    const events = await this.rooms.events.byNids(rows.map((row) => row.event_nid));
    return rows.map((row) => events.get(row.event_nid)?.pdu.eventId ?? '');
  }
}

function startRooms(storage: Storage, seed: number, projections: readonly Projection[] = []): TestRooms {
  const all = [createStickyProjection(new StickyRooms()), ...projections];
  return createTestRooms(storage, { seed, projections: all });
}
