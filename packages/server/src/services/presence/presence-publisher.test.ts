import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { upsertMembership } from '../../storage/queries/memberships.ts';
import { selectPresences, upsertPresence } from '../../storage/queries/presence.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from '../rooms/event-store.ts';
import { KnownPresences } from './known-presences.ts';
import { PresencePublisher, type PresencePublisherParts } from './presence-publisher.ts';

const BOB = '@bob:localhost';

/** The rooms of a user are read when the test says so. */
function createWorld() {
  const world = createManualWorld();
  const reads: ((roomNids: number[]) => void)[] = [];
  let position = 0;
  const write = async (change: (transaction: unknown) => void) => {
    const publish = () => {
      position += 1;
      return position;
    };
    change({ writer: 1, publish, run: () => undefined });
  };
  const read = (_: unknown, parameters: object) =>
    'userId' in parameters
      ? new Promise((resolve) => reads.push((nids) => resolve(nids.map((room_nid) => ({ room_nid })))))
      : Promise.resolve([]);
  const rooms = async (nids: readonly number[]) => new Map(nids.map((nid) => [nid, { nid, roomId: `!${nid}` }]));
  const parts = {
    ...{ storage: { read, write }, platform: { ...world, log: silentLog }, events: { rooms } },
    ...{ serverName: 'localhost', maxRoomMembers: 100 },
  } as unknown as PresencePublisherParts;
  const known = new KnownPresences(world.clock);
  return { world, reads, known, publisher: new PresencePublisher(parts, known) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('rooms that were read while the user left one are read again, and not shown to those in it', async () => {
  const { world, reads, known, publisher } = createWorld();
  const bob = known.openLocal(BOB);
  bob.devices.set('A', { presence: 'online', openRequests: 1, untilMs: 0 });
  publisher.note(BOB);
  world.advance(1_000);
  await settled();
  publisher.noteRooms(BOB);
  reads.shift()?.([1, 2]);
  await settled();
  expect(bob.roomIds).toBeUndefined();
  world.advance(1_000);
  await settled();
  reads.shift()?.([2]);
  await settled();
  expect(bob.roomIds).toEqual(['!2']);
  await publisher.stop();
});

describe('rows of users of other servers', () => {
  const SEEN = '@seen:far.test';
  const ROOM_NID = 7;
  const strangers = Array.from({ length: 600 }, (_, number) => `@u${number}:far.test`);
  let storage: Storage;

  beforeEach(async () => {
    storage = await openTestStorage();
    await write([...strangers, SEEN, BOB]);
    const nowhere = { eventNid: 1, joinedPosition: 1, writer: 1, position: 1, roomNid: ROOM_NID, sender: SEEN };
    await storage.write((transaction) => {
      transaction.run(upsertMembership, { ...nowhere, userId: SEEN, membership: 'join' });
    });
  });

  afterEach(() => storage.close());

  async function write(userIds: readonly string[]): Promise<void> {
    await storage.write((transaction) => {
      const row = { presence: 'online', statusMessage: null, lastActiveTs: 1 };
      for (const userId of userIds) transaction.run(upsertPresence, { ...row, userId });
    });
  }

  async function kept(): Promise<string[]> {
    const rows = await storage.read(selectPresences, { userIds: [...strangers, SEEN, BOB] });
    return rows.map((row) => row.user_id).sort();
  }

  async function start() {
    const world = createManualWorld();
    const known = new KnownPresences(world.clock);
    const rooms = async (nids: readonly number[]) => new Map(nids.map((nid) => [nid, { nid, roomId: `!${nid}` }]));
    const publisher = new PresencePublisher(
      {
        ...{ storage, platform: { ...world, log: silentLog }, events: { rooms } as unknown as EventStore },
        ...{ memberships: { shareRoom: async () => false }, serverName: 'localhost', maxRoomMembers: 100 },
      },
      known,
    );
    await publisher.load(86_400_000);
    return { world, known, publisher };
  }

  test('go where it turns out that nobody here shares a room with them any more', async () => {
    const { world, known, publisher } = await start();
    await expect
      .poll(async () => {
        world.advance(1_000);
        return kept();
      })
      .toEqual([BOB, SEEN]);
    expect(known.get(strangers[0] ?? '')).toBeUndefined();
    await publisher.stop();
  });

  test('go within an hour and a little where they are not known to be there, a page at a time', async () => {
    const { world, known, publisher } = await start();
    await expect
      .poll(async () => {
        world.advance(1_000);
        return kept();
      })
      .toEqual([BOB, SEEN]);
    await write(strangers);
    const before = storage.tally.batches;
    world.advance(3_600_000);
    await expect.poll(async () => (await kept()).length).toBeLessThan(600);
    expect((await kept()).length).toBeGreaterThan(2);
    await expect
      .poll(async () => {
        world.advance(50);
        return kept();
      })
      .toEqual([BOB, SEEN]);
    expect(storage.tally.batches - before).toBe(2);
    expect(known.get(SEEN)).toBeDefined();
    await publisher.stop();
  });
});
