import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { listOf, type SlidingAnswer, SlidingClient } from './support/sliding-client.ts';
import { SyncStory } from './support/sync-story.ts';

const LONG_MS = 30_000;
const THREADS = 'io.element.msc4308.thread_subscriptions';
const ts = expect.any(Number);

let story: SyncStory;
let alice: Session;
let bob: Session;
let room: string;
let count = 0;

beforeAll(async () => {
  story = await SyncStory.begin();
  alice = await story.user('alice');
});
afterAll(() => story.end());

beforeEach(async () => {
  story.world.advance(1_000);
  count += 1;
  bob = await story.user(`bob${count}`);
  room = await enterRoom();
});

/** A room of Alice and Bob, above all others in his lists. */
async function enterRoom(): Promise<string> {
  const entered = await story.room(alice);
  await story.join(bob, entered);
  return entered;
}

/** Bob with one extension, and a list that shows one room. */
function client(name: string, request: JsonObject = {}, timelineLimit = 1): SlidingClient {
  const extensions = { [name]: { enabled: true, ...request } };
  return new SlidingClient(story.server, bob, { lists: { all: listOf(0, timelineLimit) }, extensions });
}

function part<Part = JsonObject>({ body }: SlidingAnswer, name: string): Part | undefined {
  return (body.extensions as Record<string, Part>)[name];
}

/** A request that waits, and is answered once this was done. */
async function answerAfter(bobs: SlidingClient, act: () => Promise<unknown>): Promise<SlidingAnswer> {
  const waiting = bobs.sync({ timeoutMs: LONG_MS });
  await story.settle();
  await act();
  return waiting;
}

describe('to_device', () => {
  interface ToDevice {
    readonly next_batch: string;
    readonly events: readonly JsonObject[];
  }

  async function send(number: number): Promise<void> {
    for (let index = 0; index < number; index += 1) {
      count += 1;
      const messages = { [bob.userId]: { [bob.deviceId]: { n: index } } };
      await story.do(alice, 'PUT', `/sendToDevice/m.test/t${count}`, { messages });
    }
  }

  async function take(bobs: SlidingClient, since: string | undefined, limit = 100) {
    const request = { enabled: true, limit, ...(since === undefined ? {} : { since }) };
    const answer = await bobs.sync({ timeoutMs: LONG_MS, body: { extensions: { to_device: request } } });
    const given = part<ToDevice>(answer, 'to_device');
    return { since: given?.next_batch, numbers: given?.events.map(({ content }) => (content as JsonObject).n) };
  }

  test('comes along a token of its own, in pages, again until it is acknowledged, then no more', async () => {
    await send(3);
    const bobs = client('to_device');
    const first = await take(bobs, undefined, 2);
    expect(first.numbers).toEqual([0, 1]);
    expect((await take(bobs, undefined, 2)).numbers).toEqual([0, 1]);
    const second = await take(bobs, first.since, 0);
    expect(second.numbers).toEqual([2]);
    bobs.pos = undefined;
    expect((await take(bobs, undefined)).numbers).toEqual([2]);
    expect((await take(bobs, second.since?.replace(/^s1_[^_]+/, 's1_zzzzzz'))).numbers).toEqual([2]);
    bobs.pos = undefined;
    expect((await take(bobs, second.since)).numbers).toEqual([]);
    expect((await take(client('to_device'), undefined)).numbers).toEqual([]);
  });

  test('C12: wakes who waits, and refuses what is no token', async () => {
    const bobs = client('to_device');
    await bobs.sync();
    const answer = await answerAfter(bobs, () => send(1));
    expect(part<ToDevice>(answer, 'to_device')?.events).toMatchObject([{ type: 'm.test', sender: alice.userId }]);
    const odd = await bobs.ask({ body: { extensions: { to_device: { enabled: true, since: 'x' } } } });
    expect([odd.status, odd.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  });
});

describe('e2ee', () => {
  const counts = {
    device_one_time_keys_count: { signed_curve25519: 0 },
    device_unused_fallback_key_types: [],
    'org.matrix.msc2732.device_unused_fallback_key_types': [],
  };

  test('C12: tells whose devices changed since pos, also once more after a lost answer, and the counts', async () => {
    const bobs = client('e2ee');
    expect(part(await bobs.sync(), 'e2ee')).toEqual(counts);
    const waiting = answerAfter(bobs, () => story.uploadKeys(alice));
    const { pos } = bobs;
    expect(part(await waiting, 'e2ee')).toEqual({ ...counts, device_lists: { changed: [alice.userId], left: [] } });
    bobs.pos = pos;
    expect(part(await bobs.sync(), 'e2ee')).toMatchObject({ device_lists: { changed: [alice.userId], left: [] } });
    expect(part(await bobs.sync(), 'e2ee')).toEqual(counts);
    await story.leave(bob, room);
    expect(part(await bobs.sync(), 'e2ee')).toMatchObject({ device_lists: { changed: [], left: [alice.userId] } });
  });

  test('C12: wakes a device whose keys are used up', async () => {
    const key = { 'signed_curve25519:A': { key: 'a', signatures: {} } };
    await story.do(bob, 'POST', '/keys/upload', { one_time_keys: key });
    const bobs = client('e2ee');
    await bobs.sync();
    const claim = { one_time_keys: { [bob.userId]: { [bob.deviceId]: 'signed_curve25519' } } };
    expect(part(await answerAfter(bobs, () => story.do(alice, 'POST', '/keys/claim', claim)), 'e2ee')).toEqual(counts);
  });
});

describe('account_data', () => {
  interface AccountData {
    readonly global: readonly JsonObject[];
    readonly rooms: Record<string, readonly JsonObject[]>;
  }
  const NAME = 'account_data';

  test('brings all that is global and of the rooms shown, then what changes', async () => {
    await story.setAccountData(bob, 'org.example', { n: 1 });
    await story.setAccountData(bob, 'org.example', { n: 2 }, room);
    const bobs = client(NAME);
    const first = part<AccountData>(await bobs.sync(), NAME);
    expect(first?.global.map(({ type }) => type).sort()).toEqual(['m.push_rules', 'org.example']);
    expect(first?.rooms).toEqual({ [room]: [{ type: 'org.example', content: { n: 2 } }] });
    expect(part(await bobs.sync(), NAME)).toBeUndefined();
    const change = await answerAfter(bobs, () => story.setAccountData(bob, 'org.example', { n: 3 }, room));
    expect(part(change, NAME)).toEqual({ global: [], rooms: { [room]: [{ type: 'org.example', content: { n: 3 } }] } });
    await story.setAccountData(bob, 'org.example', { n: 4 });
    expect(part(await bobs.sync(), NAME)).toEqual({ global: [{ type: 'org.example', content: { n: 4 } }], rooms: {} });
  });

  test('of a room that was out of the window comes when it is back, what changed meanwhile alone', async () => {
    await story.setAccountData(bob, 'org.example.old', {}, room);
    const bobs = client(NAME);
    await bobs.sync();
    const above = await enterRoom();
    await bobs.sync();
    await story.setAccountData(bob, 'org.example.new', {}, room);
    expect(part(await bobs.sync(), NAME)).toBeUndefined();
    await story.say(alice, room, 'back');
    const ofRoom = { [room]: [{ type: 'org.example.new', content: {} }] };
    expect(part(await bobs.sync(), NAME)).toEqual({ global: [], rooms: ofRoom });
    expect(above).not.toBe(room);
  });

  test('comes whole when it is enabled on a connection that runs', async () => {
    await story.setAccountData(bob, 'org.example', { n: 1 });
    await story.setAccountData(bob, 'org.example', { n: 2 }, room);
    const bobs = client(NAME, { enabled: false });
    expect(part(await bobs.sync(), NAME)).toBeUndefined();
    const { lists } = bobs.body;
    bobs.body = { lists: lists ?? {}, extensions: { [NAME]: { enabled: true } } };
    const first = part<AccountData>(await bobs.sync(), NAME);
    expect(first?.global).toHaveLength(2);
    expect(first?.rooms[room]).toHaveLength(1);
  });

  test('is of the lists and the subscriptions that are named', async () => {
    await story.setAccountData(bob, 'org.example', {}, room);
    const subscription = { room_subscriptions: { [room]: { timeline_limit: 1, required_state: [] } } };
    const roomsWith = async (lists: string[], rooms: string[]) => {
      const bobs = client(NAME, { lists, rooms });
      bobs.body = { ...bobs.body, ...subscription };
      return Object.keys(part<AccountData>(await bobs.sync(), NAME)?.rooms ?? {});
    };
    expect(await roomsWith([], [])).toEqual([]);
    expect(await roomsWith(['other'], ['!other:x'])).toEqual([]);
    expect(await roomsWith(['all'], [])).toEqual([room]);
    expect(await roomsWith(['*'], [])).toEqual([room]);
    expect(await roomsWith([], [room])).toEqual([room]);
    expect(await roomsWith([], ['*'])).toEqual([room]);
  });
});

describe('receipts', () => {
  function receipts(answer: SlidingAnswer): unknown {
    return part<{ rooms: Record<string, { content: unknown }> }>(answer, 'receipts')?.rooms[room]?.content;
  }

  test('of a new room are those at its timeline, and the own ones; then come the changed ones', async () => {
    const [first, second] = [await story.say(alice, room, 'first'), await story.say(alice, room, 'second')];
    await story.read(alice, room, second);
    await story.read(bob, room, first, { type: 'm.read.private' });
    const bobs = client('receipts');
    const own = { [first]: { 'm.read.private': { [bob.userId]: { ts } } } };
    expect(receipts(await bobs.sync())).toEqual({ ...own, [second]: { 'm.read': { [alice.userId]: { ts } } } });
    expect(receipts(await bobs.sync())).toBeUndefined();
    const answer = await answerAfter(bobs, () => story.read(bob, room, second, { thread_id: 'main' }));
    expect(receipts(answer)).toEqual({ [second]: { 'm.read': { [bob.userId]: { ts, thread_id: 'main' } } } });
    const alices = new SlidingClient(story.server, alice, bobs.body);
    expect(JSON.stringify((await alices.sync()).body.extensions)).not.toContain('m.read.private');
  });

  test('of events that an expanded timeline shows come with it', async () => {
    const [first] = [await story.say(alice, room, 'first'), await story.say(alice, room, 'second')];
    await story.read(alice, room, first);
    const bobs = client('receipts');
    expect(receipts(await bobs.sync())).toBeUndefined();
    bobs.body = { ...bobs.body, lists: { all: listOf(0, 5) } };
    expect(receipts(await bobs.sync())).toEqual({ [first]: { 'm.read': { [alice.userId]: { ts } } } });
  });
});

test('C12: typing is told when it begins and when it ends', async () => {
  const bobs = client('typing');
  expect(part(await bobs.sync(), 'typing')).toBeUndefined();
  const typing = (userIds: string[]) => ({ rooms: { [room]: { type: 'm.typing', content: { user_ids: userIds } } } });
  const begun = await answerAfter(bobs, () => story.type(alice, room, LONG_MS));
  expect(part(begun, 'typing')).toEqual(typing([alice.userId]));
  expect(part(await client('typing').sync({ body: { conn_id: 'another' } }), 'typing')).toEqual(typing([alice.userId]));
  const ended = await answerAfter(bobs, () => story.type(alice, room, false));
  expect(part(ended, 'typing')).toEqual(typing([]));
});

describe('thread_subscriptions', () => {
  function threadsOf(of: unknown): string[] {
    return Object.keys((of as Record<string, JsonObject> | undefined)?.[room] ?? {});
  }

  async function change(root: string, method: 'PUT' | 'DELETE'): Promise<void> {
    const path = `/_matrix/client/unstable/io.element.msc4306/rooms/${room}/thread/${root}/subscription`;
    await story.server.ok(method, path, { token: bob.accessToken, ...(method === 'PUT' ? { body: {} } : {}) });
  }

  test('C12: brings what changed, the newest; the rest is had from the endpoint beside it', async () => {
    const roots: string[] = [];
    for (let index = 0; index < 4; index += 1) roots.push(await story.say(alice, room, `thread ${index}`));
    const [one = '', two = '', three = '', four = ''] = roots;
    await change(one, 'PUT');
    const bobs = client(THREADS, { limit: 2 });
    const first = part(await bobs.sync(), THREADS);
    expect([threadsOf(first?.subscribed), first?.prev_batch]).toEqual([[one], undefined]);
    const { pos } = bobs;
    const told = await answerAfter(bobs, () => change(two, 'PUT'));
    expect(threadsOf(part(told, THREADS)?.subscribed)).toEqual([two]);
    bobs.pos = pos;
    for (const root of [three, four]) await change(root, 'PUT');
    await change(one, 'DELETE');
    const latest = part(await bobs.sync(), THREADS);
    expect([threadsOf(latest?.subscribed), threadsOf(latest?.unsubscribed)]).toEqual([[four], [one]]);
    const query = `dir=b&from=${latest?.prev_batch}&to=${pos}`;
    const path = `/_matrix/client/unstable/io.element.msc4308/thread_subscriptions?${query}`;
    const rest = await story.server.ok('GET', path, { token: bob.accessToken });
    expect([threadsOf(rest.subscribed), rest.end]).toEqual([[three, two], undefined]);
    expect(part(await bobs.sync(), THREADS)).toBeUndefined();
  });
});

test('what is not asked for, or is no extension, is left out', async () => {
  const bobs = new SlidingClient(story.server, bob, {
    lists: { all: listOf(0) },
    extensions: { e2ee: {}, to_device: { enabled: false }, 'org.example': { enabled: true } },
  });
  expect((await bobs.sync()).body.extensions).toEqual({});
});
