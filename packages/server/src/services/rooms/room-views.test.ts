import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, describe, expect, test } from 'vitest';
import { createTestRoomReading, type TestRoomReading } from '../../../tests/support/test-room-reading.ts';
import type { HistoryVisibility } from './history-visibility.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';

const ALICE = '@alice:test';
const BOB = '@bob:test';
const CAROL = '@carol:test';
const TIMELINE = { after: Number.MIN_SAFE_INTEGER, before: Number.MAX_SAFE_INTEGER, limit: 1_000 } as const;

let rooms: TestRoomReading;

afterEach(() => rooms.close());

async function start(visibility?: HistoryVisibility): Promise<{ roomId: string; room: RoomRecord }> {
  rooms = await createTestRoomReading();
  const roomId = await rooms.make();
  if (visibility !== undefined && visibility !== 'shared') {
    await rooms.setState(roomId, ALICE, 'm.room.history_visibility', { history_visibility: visibility });
  }
  const room = await rooms.events.room(roomId);
  if (room === undefined) throw new Error('The room is not there');
  return { roomId, room };
}

/** What this user sees of a room, from a certain event on: the bodies, the names and the memberships. */
async function seen(room: RoomRecord, userId: string, fromEventId?: string): Promise<string[]> {
  const events = await rooms.events.forwards({ room, ...TIMELINE });
  const from = events.findIndex((event) => event.pdu.eventId === fromEventId);
  return (await rooms.reading.rooms.visibleTo(userId, room, events.slice(Math.max(from, 0)))).map(told);
}

function told({ pdu }: RoomEvent): string {
  const { body, membership, history_visibility: visibility } = pdu.content;
  return String(body ?? membership ?? visibility ?? pdu.type);
}

/** Bob's way through a room, with something said at each stage. */
async function bobsWay(roomId: string): Promise<string> {
  const changes = rooms.membershipChanges;
  const firstId = await rooms.say(roomId, ALICE, 'before');
  await changes.invite({ roomId, sender: ALICE, target: BOB });
  await rooms.say(roomId, ALICE, 'invited');
  await changes.join({ roomId, userId: BOB });
  await rooms.say(roomId, ALICE, 'joined');
  await changes.leave({ roomId, userId: BOB });
  await rooms.say(roomId, ALICE, 'left');
  return firstId;
}

describe('who sees what', () => {
  test.each<[HistoryVisibility, string[], string[]]>([
    [
      'world_readable',
      ['before', 'invite', 'invited', 'join', 'joined', 'leave', 'left', 'invite', 'again'],
      ['before', 'invite', 'invited', 'join', 'joined', 'leave', 'left', 'invite', 'again'],
    ],
    ['shared', ['before', 'invite', 'invited', 'join', 'joined', 'leave'], []],
    ['invited', ['invite', 'invited', 'join', 'joined', 'leave', 'invite', 'again'], []],
    ['joined', ['join', 'joined', 'leave'], []],
  ])('%s: who was invited, joined, left and is invited again, and a stranger', async (visibility, bobs, carols) => {
    const { roomId, room } = await start(visibility);
    const firstId = await bobsWay(roomId);
    const beforeInvite = await seen(room, BOB, firstId);
    await rooms.membershipChanges.invite({ roomId, sender: ALICE, target: BOB });
    await rooms.say(roomId, ALICE, 'again');
    // The invite that was just added is seen where invited users see anything.
    const later = visibility === 'shared' || visibility === 'joined' ? [] : ['invite', 'again'];
    expect(await seen(room, BOB, firstId)).toEqual(bobs);
    expect([...beforeInvite, ...later]).toEqual(bobs);
    expect(await seen(room, CAROL, firstId)).toEqual(carols);
    expect(await seen(room, ALICE, firstId)).toHaveLength(9);
  });

  test('who comes back sees all that was shared, also from while away', async () => {
    const { roomId, room } = await start('shared');
    const firstId = await bobsWay(roomId);
    await rooms.membershipChanges.join({ roomId, userId: BOB });
    expect(await seen(room, BOB, firstId)).toEqual([
      ...['before', 'invite', 'invited', 'join', 'joined', 'leave', 'left', 'join'],
    ]);
  });

  test('who was banned after leaving still sees the time as a member', async () => {
    const { roomId, room } = await start('shared');
    const firstId = await bobsWay(roomId);
    await rooms.membershipChanges.ban({ roomId, sender: ALICE, target: BOB, reason: undefined });
    expect(await seen(room, BOB, firstId)).toEqual(['before', 'invite', 'invited', 'join', 'joined', 'leave']);
  });

  test('a change of visibility is seen by whom either side of it lets', async () => {
    const { roomId, room } = await start('joined');
    const saidId = await rooms.say(roomId, ALICE, 'hidden');
    const set = (value: HistoryVisibility) =>
      rooms.setState(roomId, ALICE, 'm.room.history_visibility', { history_visibility: value });
    await set('world_readable');
    await rooms.say(roomId, ALICE, 'open');
    await set('joined');
    await rooms.say(roomId, ALICE, 'hidden again');
    expect(await seen(room, CAROL, saidId)).toEqual(['world_readable', 'open', 'joined']);
  });

  test('what was refused, and what has no place, is seen by nobody', async () => {
    const { room } = await start();
    const [event] = await rooms.events.forwards({ room, ...TIMELINE });
    if (event === undefined) throw new Error('The room is empty');
    const odd = [{ isSoftFailed: true }, { isRejected: true }, { place: undefined }, { stateBefore: undefined }];
    const refused = odd.map((change): RoomEvent => ({ ...event, ...change }));
    expect(await rooms.reading.rooms.visibleTo(ALICE, room, [...refused, event])).toEqual([event]);
  });

  test('costs a look-up a snapshot, and none the second time', async () => {
    const { roomId, room } = await start('joined');
    for (let index = 0; index < 30; index++) await rooms.say(roomId, ALICE, `${index}`);
    await rooms.membershipChanges.join({ roomId, userId: BOB });
    for (let index = 0; index < 30; index++) await rooms.say(roomId, ALICE, `${index}`);
    const events = (await rooms.events.forwards({ room, ...TIMELINE })).slice(-61);
    const look = async () => {
      const { reads, rowsRead } = rooms.storage.tally;
      const found = await rooms.reading.rooms.visibleTo(BOB, room, events);
      return {
        found: found.length,
        reads: rooms.storage.tally.reads - reads,
        rows: rooms.storage.tally.rowsRead - rowsRead,
      };
    };
    // A slot and its values, for the visibility and for Bob's membership, and Bob's present membership.
    const first = await look();
    expect(first).toMatchObject({ found: 31, reads: 5 });
    expect(first.rows).toBeLessThanOrEqual(8);
    expect(await look()).toMatchObject({ found: 31, reads: 1 });
  });
});

describe('what a viewer is told besides', () => {
  const unsignedOf = async (event: RoomEvent, userId: string, deviceId: string | undefined): Promise<JsonObject> => {
    const [text = '{}'] = await rooms.reading.rooms.present([event], { userId, deviceId, withRoomId: true });
    return JSON.parse(text).unsigned;
  };

  test('the transaction ID, to the device that sent it alone', async () => {
    const { roomId } = await start();
    const eventId = await rooms.say(roomId, ALICE, 'Hello', 't1');
    const event = (await rooms.events.byIds([eventId])).get(eventId);
    if (event === undefined) throw new Error('The event is not there');
    expect(await unsignedOf(event, ALICE, 'OTHER')).not.toHaveProperty('transaction_id');
    expect(await unsignedOf(event, ALICE, 'DEVICE')).toMatchObject({ transaction_id: 't1' });
    expect(await unsignedOf(event, BOB, 'DEVICE')).not.toHaveProperty('transaction_id');
    expect(await unsignedOf(event, ALICE, undefined)).not.toHaveProperty('transaction_id');
  });

  test('the membership at the event, as far as it costs no read', async () => {
    const { roomId, room } = await start();
    await bobsWay(roomId);
    await rooms.membershipChanges.join({ roomId, userId: BOB });
    await rooms.say(roomId, ALICE, 'last');
    const events = await rooms.events.forwards({ room, ...TIMELINE });
    const memberships = async () => {
      const texts = await rooms.reading.rooms.present(events, { userId: BOB, deviceId: 'DEVICE', withRoomId: false });
      return texts.slice(-9).map((text) => JSON.parse(text).unsigned.membership);
    };
    const own = [undefined, 'invite', undefined, 'join', undefined, 'leave', undefined, 'join', 'join'];
    expect(await memberships()).toEqual(own);
  });

  test('one read each for a whole list, and none the second time', async () => {
    const { roomId, room } = await start();
    for (let index = 0; index < 20; index++) {
      await rooms.setState(roomId, ALICE, 'm.room.topic', { topic: `${index}` });
      await rooms.say(roomId, ALICE, `${index}`, `t${index}`);
    }
    const events = (await rooms.events.forwards({ room, ...TIMELINE })).slice(-40);
    const viewer = { userId: ALICE, deviceId: 'DEVICE', withRoomId: false };
    const look = async () => {
      const before = rooms.storage.tally.reads;
      const texts = await rooms.reading.rooms.present(events, viewer);
      return { texts, reads: rooms.storage.tally.reads - before };
    };
    const first = await look();
    expect(JSON.parse(first.texts[38] ?? '').unsigned).toMatchObject({ prev_content: { topic: '18' } });
    expect(JSON.parse(first.texts[39] ?? '').unsigned).toMatchObject({ transaction_id: 't19', membership: 'join' });
    // The predecessors, the transactions, and the viewer's membership.
    expect(first.reads).toBe(3);
    expect((await look()).reads).toBe(1);
  });
});
