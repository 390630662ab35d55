import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestEncryption, type TestEncryption } from '../../../tests/support/test-encryption.ts';
import { rangesBetween, type StreamVector } from '../../storage/stream.ts';
import { publishDeviceListChange } from '../accounts/device-list-change.ts';

const [ALICE, BOB, CAROL, DAVE] = ['@alice:localhost', '@bob:localhost', '@carol:localhost', '@dave:localhost'];

let world: TestEncryption;

beforeEach(async () => {
  world = await createTestEncryption();
});

afterEach(() => world.close());

async function join(roomNid: number, ...userIds: string[]): Promise<void> {
  for (const userId of userIds) await world.setMembership(roomNid, userId, 'join');
}

async function changeDevices(userId: string): Promise<void> {
  await world.storage.write((transaction) => publishDeviceListChange(transaction, userId));
}

async function since(vector: StreamVector, userId = ALICE) {
  const ranges = rangesBetween(vector, world.storage.stream.current());
  const { changed, left } = await world.encryption.deviceLists.between(userId, ranges);
  return { changed: [...changed].sort(), left: [...left].sort() };
}

test('changed devices are told to who shares a room, and to their owner', async () => {
  await join(1, ALICE, BOB);
  await join(2, CAROL, DAVE);
  const before = world.storage.stream.current();
  for (const userId of [ALICE, BOB, CAROL]) await changeDevices(userId);
  expect(await since(before)).toEqual({ changed: [ALICE, BOB], left: [] });
  expect(await since(before, DAVE)).toEqual({ changed: [CAROL], left: [] });
  expect(await since(world.storage.stream.current())).toEqual({ changed: [], left: [] });
});

test('whoever begins to share a room has to be asked for', async () => {
  await join(1, ALICE, BOB);
  await join(2, CAROL, DAVE);
  const before = world.storage.stream.current();
  await join(1, CAROL);
  expect(await since(before)).toEqual({ changed: [CAROL], left: [] });
  const later = world.storage.stream.current();
  await join(2, ALICE);
  expect(await since(later)).toEqual({ changed: [CAROL, DAVE], left: [] });
});

test('whoever shares no room any more has left, whichever of the two went', async () => {
  await join(1, ALICE, BOB, CAROL);
  await join(2, ALICE, CAROL);
  await join(3, ALICE, DAVE);
  const before = world.storage.stream.current();
  await world.setMembership(1, BOB, 'leave');
  await world.setMembership(1, CAROL, 'ban');
  expect(await since(before)).toEqual({ changed: [], left: [BOB] });
  const later = world.storage.stream.current();
  await world.setMembership(3, ALICE, 'leave');
  expect(await since(later)).toEqual({ changed: [], left: [DAVE] });
});
