import { afterEach, describe, expect, test } from 'vitest';
import { pushOver, TestUnread } from '../../../tests/support/test-unread.ts';
import { defineStatement } from '../../storage/statement.ts';
import { MAX_COUNTED } from './count-unread.ts';
import type { UnreadCounts } from './unread-reader.ts';

const ALICE = '@alice:test';
const BOB = '@bob:test';
const CAROL = '@carol:test';
const DAVE = '@dave:test';
const USERS = [ALICE, BOB, CAROL, DAVE];

let worlds: TestUnread[] = [];

async function open(...joined: string[]): Promise<TestUnread> {
  const world = await TestUnread.open();
  worlds.push(world);
  await world.join(...joined);
  return world;
}

afterEach(async () => {
  await Promise.all(worlds.map((world) => world.storage.close()));
  worlds = [];
});

const countEvents = defineStatement<Record<string, never>, { count: number }>(
  'select count(*) as count from unread_events',
);
const countExceptions = defineStatement<Record<string, never>, { count: number }>(
  'select count(*) as count from unread_exceptions',
);

async function rowsOf({ storage }: TestUnread): Promise<[number, number]> {
  const [events] = await storage.read(countEvents, {});
  const [exceptions] = await storage.read(countExceptions, {});
  return [events?.count ?? 0, exceptions?.count ?? 0];
}

describe('unread counts', () => {
  test('an ordinary message is one row, and one unread event for all but its sender', async () => {
    const world = await open(BOB, CAROL, DAVE);
    await world.say(ALICE, 'hello');
    expect(await rowsOf(world)).toEqual([1, 0]);
    expect(await Promise.all(USERS.map((userId) => world.unread(userId)))).toEqual([
      [0, 0],
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
  });

  test('who joins has read what was there before; who is not joined has nothing to read', async () => {
    const world = await open(BOB, CAROL);
    await world.say(ALICE, 'hello');
    expect(await world.unread(DAVE)).toEqual([0, 0]);
    await world.join(DAVE);
    expect(await world.unread(DAVE)).toEqual([0, 0]);
    await world.say(ALICE, 'hello again');
    expect(await world.unread(DAVE)).toEqual([1, 0]);
    expect(await world.unread(BOB)).toEqual([2, 0]);
    await world.rooms.membershipChanges.leave({ roomId: world.roomId, userId: DAVE });
    expect(await world.unread(DAVE)).toEqual([0, 0]);
  });

  test('names make highlights: by mention, by display name, by localpart', async () => {
    const world = await open(BOB, CAROL);
    await world.say(ALICE, 'hi', { 'm.mentions': { user_ids: [BOB, BOB, '@who:elsewhere', 7] } });
    expect([await world.unread(BOB), await world.unread(CAROL)]).toEqual([
      [1, 1],
      [1, 0],
    ]);
    await world.say(ALICE, 'Bob and CAROL: hi');
    expect([await world.unread(BOB), await world.unread(CAROL)]).toEqual([
      [2, 2],
      [2, 1],
    ]);
    await world.say(ALICE, 'bob', { 'm.mentions': {} });
    expect([await world.unread(BOB), await world.unread(CAROL)]).toEqual([
      [3, 2],
      [3, 1],
    ]);
    expect(await rowsOf(world)).toEqual([3, 3]);
    const content = { membership: 'join', displayname: 'The Builder' };
    const { roomId } = world;
    await world.rooms.sending.setState({
      sender: { userId: BOB },
      roomId,
      type: 'm.room.member',
      stateKey: BOB,
      content,
    });
    await world.say(ALICE, 'ask the builder');
    expect(await world.unread(BOB)).toEqual([4, 3]);
  });

  test('@room by whoever may, in one row for all', async () => {
    const world = await open(BOB, CAROL);
    await world.say(ALICE, 'listen', { 'm.mentions': { room: true } });
    await world.say(BOB, 'listen', { 'm.mentions': { room: true } });
    expect(await world.unread(CAROL)).toEqual([2, 1]);
    expect(await rowsOf(world)).toEqual([2, 0]);
  });

  test('reactions, edits, notices and members notify nobody', async () => {
    const world = await open(BOB);
    const eventId = await world.say(ALICE, 'hello');
    await world.send(
      ALICE,
      { 'm.relates_to': { rel_type: 'm.annotation', event_id: eventId, key: '👍' } },
      'm.reaction',
    );
    await world.say(ALICE, '* hi', { 'm.relates_to': { rel_type: 'm.replace', event_id: eventId } });
    await world.send(ALICE, { msgtype: 'm.notice', body: 'beep' });
    await world.join(CAROL);
    expect(await rowsOf(world)).toEqual([1, 0]);
    expect(await world.unread(BOB)).toEqual([1, 0]);
  });

  test('receipts: public or private, whichever is ahead, of the room or of a thread', async () => {
    const world = await open(BOB);
    const first = await world.say(ALICE, 'one');
    const second = await world.say(ALICE, 'two');
    const inThread = await world.say(ALICE, 'three', { 'm.relates_to': { rel_type: 'm.thread', event_id: first } });
    const related = await world.send(
      ALICE,
      { 'm.relates_to': { rel_type: 'm.reference', event_id: inThread } },
      'm.room.encrypted',
    );
    expect((await world.counts(BOB)).threads).toEqual({ [first]: { notifications: 2, highlights: 0 } });
    expect((await world.counts(BOB)).main.notifications).toBe(2);
    await world.read(BOB, first, undefined, 'm.read.private');
    expect(await world.unread(BOB)).toEqual([3, 0]);
    await world.read(BOB, second, 'main');
    expect((await world.counts(BOB)).main.notifications).toBe(0);
    expect(await world.unread(BOB)).toEqual([2, 0]);
    await world.read(BOB, related, first);
    expect(await world.counts(BOB)).toMatchObject({ all: { notifications: 0 }, threads: {} });
  });

  test('own rules: a muted room, a keyword, somebody ignored', async () => {
    const world = await open(BOB, CAROL, DAVE);
    await world.say(ALICE, 'before');
    await world.muteRoom(BOB);
    await world.keyword(CAROL, 'cake');
    await world.ignore(DAVE, ALICE);
    await world.say(ALICE, 'there is cake');
    expect(await Promise.all([BOB, CAROL, DAVE].map((userId) => world.unread(userId)))).toEqual([
      [1, 0],
      [2, 1],
      [1, 0],
    ]);
    await world.say(ALICE, 'bob!');
    expect(await world.unread(BOB)).toEqual([2, 1]);
    await world.push.rules.remove({ userId: BOB, kind: 'room', ruleId: world.roomId });
    await world.say(ALICE, 'after');
    expect(await world.unread(BOB)).toEqual([3, 1]);
  });

  test('a redacted event counts no more, for those it mentioned either', async () => {
    const world = await open(BOB, CAROL);
    const eventId = await world.say(ALICE, 'bob!');
    await world.say(ALICE, 'hello');
    expect([await world.unread(BOB), await world.unread(CAROL)]).toEqual([
      [2, 1],
      [2, 0],
    ]);
    await world.redact(ALICE, eventId);
    expect([await world.unread(BOB), await world.unread(CAROL)]).toEqual([
      [1, 0],
      [1, 0],
    ]);
    expect(await rowsOf(world)).toEqual([1, 0]);
  });

  test('a thousand readers of a message read no table', async () => {
    const world = await open(BOB, CAROL, DAVE);
    await world.say(ALICE, 'one');
    for (const userId of USERS) await world.counts(userId);
    const { reads } = world.storage.tally;
    await world.say(ALICE, 'two, carol');
    const unread = await Promise.all(USERS.map((userId) => world.unread(userId)));
    expect(unread).toEqual([
      [0, 0],
      [2, 0],
      [2, 1],
      [2, 0],
    ]);
    expect(world.storage.tally.reads - reads).toBe(0);
  });

  test('rows that count no more are removed, a little at a time', async () => {
    const world = await open(BOB);
    await world.muteRoom(BOB);
    for (let sent = 0; sent < MAX_COUNTED + 512; sent++) await world.say(ALICE, 'hello');
    const [events, exceptions] = await rowsOf(world);
    expect(events).toBeLessThan(MAX_COUNTED + 256);
    expect(events).toBeGreaterThanOrEqual(MAX_COUNTED);
    expect(exceptions).toBe(events);
  });
});

test('counts asked for while events are published miss nothing', async () => {
  const world = await open(BOB, CAROL);
  const fresh = pushOver(world.storage);
  const asked: Promise<UnreadCounts>[] = [];
  for (let sent = 0; sent < 50; sent++) {
    const saying = world.say(ALICE, sent % 3 === 0 ? 'bob' : 'hello');
    asked.push(world.counts(BOB, sent % 10 === 0 ? pushOver(world.storage) : fresh));
    await saying;
  }
  await Promise.all(asked);
  expect((await world.counts(BOB, fresh)).all).toEqual({ notifications: 50, highlights: 17 });
  expect((await world.counts(BOB)).all).toEqual({ notifications: 50, highlights: 17 });
});
