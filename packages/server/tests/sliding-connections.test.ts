import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { listOf, type SlidingAnswer, SlidingClient } from './support/sliding-client.ts';
import { SyncStory } from './support/sync-story.ts';

const LONG_MS = 30_000;
const UNKNOWN_POS = { status: 400, body: { errcode: 'M_UNKNOWN_POS' } };

let story: SyncStory;
let alice: Session;
let bob: Session;
let room: string;

let turn = 0;

beforeAll(async () => {
  story = await SyncStory.begin();
});

beforeEach(async () => {
  turn += 1;
  [alice, bob] = [await story.user(`alice${turn}`), await story.user(`bob${turn}`)];
  room = await story.room(alice);
  await story.join(bob, room);
});

afterAll(() => story.end());

function client(session: Session, body: JsonObject = { lists: { all: listOf(19) } }): SlidingClient {
  return new SlidingClient(story.server, session, body);
}

/** A request that waits; `answer` is there once it does not any more. */
async function wait(waiter: SlidingClient): Promise<{ answer?: SlidingAnswer; done: Promise<void> }> {
  const waiting: { answer?: SlidingAnswer; done: Promise<void> } = { done: Promise.resolve() };
  waiting.done = waiter.sync({ timeoutMs: LONG_MS }).then((answer) => {
    waiting.answer = answer;
  });
  await story.settle();
  expect(waiting.answer).toBeUndefined();
  return waiting;
}

/** Batches written while this is done. */
async function writes(act: () => Promise<unknown>): Promise<number> {
  await story.settle();
  const before = story.server.storage.tally.batches;
  await act();
  return story.server.storage.tally.batches - before;
}

async function cost(act: () => Promise<unknown>): Promise<{ reads: number; rows: number }> {
  await story.settle();
  const { tally } = story.server.storage;
  const before = { ...tally };
  await act();
  return { reads: tally.reads - before.reads, rows: tally.rowsRead - before.rowsRead };
}

describe('an answer that was lost', () => {
  test('is made again, with what came meanwhile', async () => {
    const bobs = client(bob);
    const lost = await bobs.sync({ isLost: true });
    const first = await bobs.sync();
    expect(first.timelineIds(room)).toEqual(lost.timelineIds(room));
    const said = [await story.say(alice, room, 'one')];
    expect((await bobs.sync({ isLost: true })).timelineIds(room)).toEqual(said);
    said.push(await story.say(alice, room, 'two'));
    expect((await bobs.sync({ isLost: true })).timelineIds(room)).toEqual(said);
    expect((await bobs.sync()).timelineIds(room)).toEqual(said);
    expect((await bobs.sync()).roomIds).toEqual([]);
  });

  test('that told members beside an older timeline tells them again, though nothing came meanwhile', async () => {
    await story.say(bob, room, 'mine');
    await story.say(alice, room, 'hers');
    const required_state = [['m.room.member', '$LAZY']];
    const bobs = client(bob, { lists: { all: listOf(9, 1, { required_state }) } });
    expect((await bobs.sync()).stateOf(room)).toEqual([`m.room.member|${alice.userId}`]);
    expect((await bobs.sync()).roomIds).toEqual([]);
    bobs.body = { lists: { all: listOf(9, 2, { required_state }) } };
    expect((await bobs.sync({ isLost: true })).stateOf(room)).toEqual([`m.room.member|${bob.userId}`]);
    expect((await bobs.sync()).stateOf(room)).toContain(`m.room.member|${bob.userId}`);
  });

  test('that told a room for the first time, or that it was left, tells it again', async () => {
    const other = await story.room(bob, {});
    const bobs = client(bob, { lists: { all: listOf(0) } });
    expect((await bobs.sync()).roomIds).toEqual([other]);
    bobs.body = { lists: { all: listOf(9) } };
    for (let turn = 0; turn < 2; turn += 1) {
      expect((await bobs.sync({ isLost: true })).room(room)).toMatchObject({ initial: true });
    }
    expect((await bobs.sync()).room(room)).toMatchObject({ initial: true });
    await story.leave(bob, other);
    expect((await bobs.sync({ isLost: true })).roomIds).toEqual([other]);
    expect((await bobs.sync()).roomIds).toEqual([other]);
    expect((await bobs.sync()).roomIds).toEqual([]);
  });

  test('is not to be come back to once the next one was: its pos is unknown', async () => {
    const other = await story.room(bob, {});
    const bobs = client(bob, { lists: { all: listOf(0) } });
    await bobs.sync();
    const early = bobs.pos;
    bobs.body = { lists: { all: listOf(9) } };
    await bobs.sync();
    await bobs.sync();
    expect(await client(bob).ask()).toMatchObject({ status: 200 });
    bobs.pos = early;
    expect(await bobs.ask()).toMatchObject(UNKNOWN_POS);
    expect(other).toBeDefined();
  });
});

describe('a connection', () => {
  test('goes on after a restart: the last pos, and the one before it', async () => {
    const bobs = client(bob);
    await bobs.sync();
    const other = await story.room(bob, {});
    const [said, lost] = [await story.say(alice, room, 'before'), await bobs.sync({ isLost: true })];
    expect(lost.roomIds.sort()).toEqual([room, other].sort());
    bobs.moveTo(await story.restart());
    const again = await bobs.sync();
    expect(again.roomIds.sort()).toEqual([room, other].sort());
    expect(again.timelineIds(room)).toEqual([said]);
    expect(again.room(other)).toMatchObject({ initial: true });
    const after = await story.say(alice, room, 'after');
    await story.read(bob, room, after);
    bobs.moveTo(await story.restart());
    const next = await bobs.sync();
    expect(next.roomIds).toEqual([room]);
    expect(next.timelineIds(room)).toEqual([after]);
    expect(next.room(room)).not.toHaveProperty('initial');
    expect((await bobs.sync()).roomIds).toEqual([]);
  });

  test('that heard nothing since before a restart is told of what was read alone', async () => {
    const said = await story.say(alice, room, 'read me');
    const bobs = client(bob);
    await bobs.sync();
    await bobs.sync();
    await story.read(bob, room, said);
    bobs.moveTo(await story.restart());
    const answer = await bobs.sync();
    expect(answer.room(room)).toMatchObject({ notification_count: 0 });
    expect(answer.room(room)).not.toHaveProperty('timeline');
    expect((await bobs.sync()).roomIds).toEqual([]);
  });

  test('survives any number of versions, and a restart in the middle of them', async () => {
    const rooms = [room, await story.room(bob, {}), await story.room(bob, {})];
    const bobs = client(bob, { lists: { all: listOf(0, 1) } });
    await bobs.sync();
    // Each of these moves one room into the window and one out of it.
    for (let turn = 0; turn < 150; turn += 1) {
      const said = await story.say(bob, rooms[turn % 3] ?? room, 'up');
      const answer = await bobs.sync();
      expect(Object.values(answer.rooms).map(({ timeline }) => timeline?.at(-1)?.event_id)).toEqual([said]);
      if (turn === 70) bobs.moveTo(await story.restart());
    }
    bobs.moveTo(await story.restart());
    bobs.body = { lists: { all: listOf(2, 1) } };
    expect((await bobs.sync()).roomIds).toEqual([]);
  });

  test.each([
    ['nonsense'],
    ['p1.1.1.nonsense'],
    ['p1.zzzzzzzzzzz.zzzzzzzzzzz.s1_aaaaaa_1-1'],
    ['s1_aaaaaa_1-1'],
    [`p1.${'1'.repeat(5_000)}`],
    ['\u0000'],
  ])('is not to be had by pos %j', async (pos) => {
    const bobs = client(bob);
    bobs.pos = pos;
    expect(await bobs.ask()).toMatchObject(UNKNOWN_POS);
  });

  test('is one of its user, its device and its name', async () => {
    const bobs = client(bob);
    await bobs.sync();
    const { pos } = bobs;
    const again = await story.login(`bob${turn}`);
    for (const stranger of [client(alice), client(again), client(bob, { conn_id: 'other' })]) {
      stranger.pos = pos;
      expect(await stranger.ask()).toMatchObject(UNKNOWN_POS);
    }
    expect(await bobs.ask()).toMatchObject({ status: 200 });
  });

  test('of somebody else is not read', async () => {
    const [bobs, stranger] = [client(bob), client(alice)];
    await bobs.sync();
    const server = await story.restart();
    stranger.moveTo(server);
    expect(await stranger.ask()).toMatchObject({ status: 200 });
    stranger.pos = bobs.pos?.replace(/^p1[.][^.]+/, 'p1.zzzzzz');
    const ofNobody = await cost(async () => expect(await stranger.ask()).toMatchObject(UNKNOWN_POS));
    stranger.pos = bobs.pos;
    const ofBob = await cost(async () => expect(await stranger.ask()).toMatchObject(UNKNOWN_POS));
    expect(ofBob).toEqual({ ...ofNobody, rows: ofNobody.rows + 1 });
  });

  test('ends when another one of its name begins, and others go on', async () => {
    const [first, other] = [client(bob), client(bob, { conn_id: 'other' })];
    await first.sync();
    await other.sync();
    const second = client(bob);
    expect((await second.sync()).room(room)).toMatchObject({ initial: true });
    expect(await first.ask()).toMatchObject(UNKNOWN_POS);
    expect(await other.ask()).toMatchObject({ status: 200 });
    expect(await second.ask()).toMatchObject({ status: 200 });
  });

  test('ends for a request that still waits on it, and nothing more is kept of it', async () => {
    const bobs = client(bob);
    await bobs.sync();
    const waiting = await wait(bobs);
    const second = client(bob);
    await second.sync();
    await waiting.done;
    expect(waiting.answer?.roomIds).toEqual([]);
    await story.say(alice, room, 'hello');
    expect(await bobs.ask()).toMatchObject(UNKNOWN_POS);
    expect((await second.sync()).roomIds).toEqual([room]);
  });

  test('ends when its user has too many others, the one first that was not used for longest', async () => {
    const first = client(bob, { conn_id: 'first' });
    await first.sync();
    const second = client(bob, { conn_id: 'second' });
    await second.sync();
    for (let number = 0; number < 198; number += 1) await client(bob, { conn_id: `c${number}` }).sync();
    story.world.advance(2 * 3_600_000);
    expect(await first.ask()).toMatchObject({ status: 200 });
    await client(bob, { conn_id: 'one more' }).sync();
    expect(await second.ask()).toMatchObject(UNKNOWN_POS);
    expect(await first.ask()).toMatchObject({ status: 200 });
  });

  test('ends when nobody used it for a month', async () => {
    const bobs = client(bob);
    await bobs.sync();
    story.world.advance(29 * 24 * 3_600_000);
    expect(await bobs.ask()).toMatchObject({ status: 200 });
    story.world.advance(31 * 24 * 3_600_000);
    await story.settle();
    expect(await bobs.ask()).toMatchObject(UNKNOWN_POS);
  });

  test('writes nothing while the client stays where it is', async () => {
    const bobs = client(bob);
    await bobs.sync();
    await bobs.sync();
    expect(await writes(() => bobs.sync())).toBe(0);
    await story.say(alice, room, 'hello');
    expect(await writes(async () => expect((await bobs.sync()).roomIds).toEqual([room]))).toBe(0);
  });
});

describe('subscriptions', () => {
  const subscription = { timeline_limit: 1, required_state: [] };

  test('of a client with a named connection are those of the request', async () => {
    const bobs = client(bob, { conn_id: 'room-list', room_subscriptions: { [room]: subscription } });
    expect((await bobs.sync()).roomIds).toEqual([room]);
    bobs.body = { conn_id: 'room-list' };
    await story.say(alice, room, 'hello');
    expect((await bobs.sync()).roomIds).toEqual([]);
  });

  test('of a client without are kept until it ends them, across a restart', async () => {
    const other = await story.room(bob, {});
    const bobs = client(bob, {});
    expect((await bobs.sync({ body: { room_subscriptions: { [room]: subscription } } })).roomIds).toEqual([room]);
    expect((await bobs.sync({ body: { room_subscriptions: { [other]: subscription } } })).roomIds).toEqual([other]);
    bobs.moveTo(await story.restart());
    for (const roomId of [room, other]) await story.say(bob, roomId, 'hello');
    expect((await bobs.sync()).roomIds.sort()).toEqual([room, other].sort());
    await bobs.sync({ body: { unsubscribe_rooms: [other] } });
    for (const roomId of [room, other]) await story.say(bob, roomId, 'hello');
    expect((await bobs.sync()).roomIds).toEqual([room]);
  });
});

describe('C12: a waiting request', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['an event', () => story.say(alice, room, 'hello')],
    ['an own private receipt', async () => story.read(bob, room, await story.say(alice, room, 'x'))],
    ['a member who left', () => story.leave(alice, room)],
    ['leaving', () => story.leave(bob, room)],
    ['an invite', async () => story.put(alice, await story.room(alice), 'invite', bob)],
    ['a room that became direct', () => story.setAccountData(bob, 'm.direct', { [alice.userId]: [room] })],
  ])('is answered by %s', async (_, act) => {
    const bobs = client(bob);
    await bobs.sync();
    const waiting = await wait(bobs);
    await act();
    await waiting.done;
    expect(waiting.answer?.roomIds).toHaveLength(1);
  });

  test('is answered by how many rooms there are, though none is in the window', async () => {
    const bobs = client(bob, { lists: { none: { ...listOf(0), ranges: [], filters: { tags: ['u.mine'] } } } });
    expect((await bobs.sync()).count('none')).toBe(0);
    const waiting = await wait(bobs);
    const tag = `/user/${encodeURIComponent(bob.userId)}/rooms/${encodeURIComponent(room)}/tags/u.mine`;
    await story.do(bob, 'PUT', tag, {});
    await waiting.done;
    expect(waiting.answer?.count('none')).toBe(1);
  });

  test('waits on when nothing concerns it, and is answered when its time is over', async () => {
    const other = await story.room(bob, {});
    const bobs = client(bob, { conn_id: 'one', room_subscriptions: { [other]: { timeline_limit: 1 } } });
    await bobs.sync();
    const waiting = await wait(bobs);
    await story.say(alice, room, 'elsewhere');
    await story.settle();
    expect(waiting.answer).toBeUndefined();
    story.world.advance(LONG_MS);
    await waiting.done;
    expect(waiting.answer?.roomIds).toEqual([]);
  });

  test('is answered at once when the client looks at other lists than before', async () => {
    const bobs = client(bob);
    await bobs.sync();
    bobs.body = { lists: { all: listOf(29), more: listOf(0) } };
    const answer = await bobs.sync({ timeoutMs: LONG_MS });
    expect([answer.count('all'), answer.count('more')]).toEqual([1, 1]);
    bobs.body = { lists: { all: listOf(39) } };
    expect((await bobs.sync({ timeoutMs: LONG_MS })).count('all')).toBe(1);
  });

  test('is given up when the client asks anew, and tells nothing', async () => {
    const bobs = client(bob);
    await bobs.sync();
    const { pos } = bobs;
    const first = await wait(bobs);
    const second = bobs.sync({ timeoutMs: LONG_MS });
    await first.done;
    expect(first.answer?.body).toMatchObject({ pos, rooms: {} });
    await story.settle();
    const said = await story.say(alice, room, 'hello');
    expect((await second).timelineIds(room)).toEqual([said]);
  });
});

describe('what an answer costs', () => {
  test('does not depend on how many rooms the user is in', async () => {
    const [few, many] = [await story.user('few'), await story.user('many')];
    for (const user of [few, many]) await story.join(user, room);
    for (let count = 0; count < 100; count += 1) await story.room(many, {});
    const spent: unknown[] = [];
    for (const user of [few, many]) {
      const filters = { not_room_types: ['m.space'], is_dm: false };
      const users = client(user, { lists: { top: listOf(19), all: listOf(999, 1, { filters }) } });
      await users.sync();
      await users.sync();
      await story.say(alice, room, 'warm');
      await users.sync();
      const said = await story.say(alice, room, 'hello');
      spent.push(await cost(async () => expect((await users.sync()).timelineIds(room)).toEqual([said])));
      expect(await cost(() => users.sync())).toEqual({ reads: 0, rows: 0 });
    }
    expect(spent[1]).toEqual(spent[0]);
    expect(spent[0]).toMatchObject({ reads: expect.toSatisfy((reads: number) => reads <= 6) });
  });

  test('is for the window alone, the first time too', async () => {
    const spent: unknown[] = [];
    for (const [name, count] of [['warm', 1] as const, ['some', 12] as const, ['dozens', 60] as const]) {
      const user = await story.user(name);
      for (let number = 0; number < count; number += 1) await story.room(user, {});
      const users = client(user, { lists: { all: listOf(9, 1, { required_state: [['m.room.create', '']] }) } });
      spent.push((await cost(() => users.sync())).reads);
    }
    expect(spent[2]).toEqual(spent[1]);
  });
});

describe('when the server stops', () => {
  test('a waiting request is answered', async () => {
    const bobs = client(bob);
    await bobs.sync();
    const waiting = await wait(bobs);
    await story.server.server.stop();
    await waiting.done;
    expect(waiting.answer?.roomIds).toEqual([]);
  });
});
