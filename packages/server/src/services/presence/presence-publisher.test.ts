import { expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
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
