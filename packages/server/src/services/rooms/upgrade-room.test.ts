import { afterEach, describe, expect, test } from 'vitest';
import { fragileStorage } from '../../../tests/support/fragile-storage.ts';
import { createTestRooms, type TestRooms } from '../../../tests/support/test-rooms.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { defineStatement } from '../../storage/statement.ts';
import type { Storage } from '../../storage/storage.ts';

const countRooms = defineStatement<Record<string, never>, { count: number }>('select count(*) as count from rooms');

const ALIAS = '#hall:test';
const ASKED = { userId: '@alice:test', newVersion: '12', additionalCreators: [] };
/** Writes of one upgrade: a number for the room, and the batch with all of it. */
const WRITES = 2;

const opened: Storage[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((storage) => storage.close()));
});

async function openStorage(): Promise<Storage> {
  const storage = await openTestStorage();
  opened.push(storage);
  return storage;
}

const makeHall = (rooms: TestRooms) =>
  rooms.make({ roomVersion: '11', name: 'Hall', roomAliasName: 'hall', isListed: true });

/** Everything by which people find the way to the room, and from it. */
async function standing(rooms: TestRooms, roomId: string) {
  return {
    alias: (await rooms.aliases.find(ALIAS))?.roomId,
    name: await rooms.content(roomId, 'm.room.canonical_alias'),
    isListed: await rooms.directory.isListed(roomId),
    replacement: (await rooms.content(roomId, 'm.room.tombstone'))?.replacement_room,
    inviteLevel: (await rooms.content(roomId, 'm.room.power_levels'))?.invite,
  };
}

async function roomCount(storage: Storage): Promise<number> {
  const [row] = await storage.read(countRooms, {});
  return Number(row?.count);
}

/** A server that dies at this write of the upgrade, and the next one over what it left. */
async function dieAt(when: 'before' | 'after', write: number) {
  const storage = await openStorage();
  const fragile = fragileStorage(storage);
  const dying = createTestRooms(fragile.storage);
  const roomId = await makeHall(dying);
  const before = await standing(dying, roomId);
  fragile.fail(when, 1_000, write);
  const failed = await dying.upgradeRoom({ ...ASKED, roomId }).catch((error: Error) => error.message);
  return { storage, roomId, before, failed, next: createTestRooms(storage, { seed: 2 }) };
}

describe('a room that is replaced', () => {
  test.each(Array.from({ length: WRITES }, (_unused, write) => [write]))(
    'is as it was when the server died before write %i, and is replaced once when asked again',
    async (write) => {
      const { storage, roomId, before, failed, next } = await dieAt('before', write);
      expect(failed).toBe('The disk is full');
      expect(await standing(next, roomId)).toEqual(before);
      expect(before).toMatchObject({ alias: roomId, isListed: true, replacement: undefined });
      const replacement = await next.upgradeRoom({ ...ASKED, roomId });
      expect(await roomCount(storage)).toBe(2);
      expect(await standing(next, roomId)).toMatchObject({ alias: replacement, replacement });
    },
  );

  test('is replaced when the server died before it could say so, and asking again gives that room', async () => {
    const { storage, roomId, failed, next } = await dieAt('after', WRITES - 1);
    expect(failed).toBe('The disk is full');
    const after = await standing(next, roomId);
    const replacement = String(after.replacement);
    expect(after).toEqual({ alias: replacement, name: {}, isListed: false, replacement, inviteLevel: 50 });
    expect(await next.content(replacement, 'm.room.canonical_alias')).toEqual({ alias: ALIAS });
    expect(await next.directory.isListed(replacement)).toBe(true);
    expect(await next.upgradeRoom({ ...ASKED, roomId })).toBe(replacement);
    expect(await roomCount(storage)).toBe(2);
    await next.say(replacement, '@alice:test', 'Here we are');
  });

  test('takes no more writes than are tested here', async () => {
    const { next, roomId, failed } = await dieAt('before', WRITES);
    expect(failed).toBe((await next.content(roomId, 'm.room.tombstone'))?.replacement_room);
  });

  test('is replaced once by two requests at once, and anew where something else is asked for', async () => {
    const storage = await openStorage();
    const rooms = createTestRooms(storage);
    const roomId = await makeHall(rooms);
    const ids = await Promise.all([1, 2].map(() => rooms.upgradeRoom({ ...ASKED, roomId })));
    expect(new Set(ids).size).toBe(1);
    const other = await rooms.upgradeRoom({ ...ASKED, roomId, additionalCreators: ['@bob:test'] });
    const older = await rooms.upgradeRoom({ ...ASKED, roomId, newVersion: '10' });
    expect(new Set([...ids, other, older]).size).toBe(3);
    // Who has left the room that is there has a reason to ask for another one.
    await rooms.membershipChanges.leave({ roomId: older, userId: '@alice:test' });
    expect(await rooms.upgradeRoom({ ...ASKED, roomId, newVersion: '10' })).not.toBe(older);
  });

  test('keeps the names that other servers gave it', async () => {
    const storage = await openStorage();
    const rooms = createTestRooms(storage);
    const elsewhere = '#hall:elsewhere';
    const roomId = await makeHall(rooms);
    const names = { alias: ALIAS, alt_aliases: [elsewhere] };
    await rooms.writer.change(roomId, () => ({
      events: [{ sender: '@alice:test', type: 'm.room.canonical_alias', stateKey: '', content: names }],
    }));
    const replacement = await rooms.upgradeRoom({ ...ASKED, roomId });
    expect(await rooms.content(replacement, 'm.room.canonical_alias')).toEqual({ alias: ALIAS });
    expect(await rooms.content(roomId, 'm.room.canonical_alias')).toEqual({ alt_aliases: [elsewhere] });
  });

  test('is replaced by who may do no more than close it', async () => {
    const rooms = createTestRooms(await openStorage());
    const roomId = await makeHall(rooms);
    await rooms.membershipChanges.join({ roomId, userId: '@bob:test' });
    const levels = await rooms.content(roomId, 'm.room.power_levels');
    const content = { ...levels, users: { '@alice:test': 100, '@bob:test': 40 }, events: { 'm.room.tombstone': 40 } };
    const sender = { userId: '@alice:test' };
    await rooms.sending.setState({ sender, roomId, type: 'm.room.power_levels', stateKey: '', content });
    const replacement = await rooms.upgradeRoom({ ...ASKED, roomId, userId: '@bob:test' });
    expect(await standing(rooms, roomId)).toMatchObject({ name: { alias: ALIAS }, replacement, inviteLevel: 0 });
  });
});
