import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { newsIn, SyncStory } from './support/sync-story.ts';
import type { SyncAnswer, SyncingClient } from './support/syncing-client.ts';
import { createTestServer } from './support/test-server.ts';

const LONG_MS = 30_000;

let story: SyncStory;
let alice: Session;
let bob: Session;
let room: string;
let said: string;

beforeEach(async () => {
  story = await SyncStory.begin();
  [alice, bob] = [await story.user('alice'), await story.user('bob')];
  room = await story.room(alice);
  await story.join(bob, room);
  said = await story.say(alice, room, 'hello');
});

afterEach(() => story.end());

/** A request that waits; `answer` is there once it does not any more. */
async function wait(client: SyncingClient): Promise<{ answer?: SyncAnswer; done: Promise<void> }> {
  const waiting: { answer?: SyncAnswer; done: Promise<void> } = { done: Promise.resolve() };
  waiting.done = client.sync({ timeoutMs: LONG_MS }).then((answer) => {
    waiting.answer = answer;
  });
  await story.settle();
  expect(waiting.answer).toBeUndefined();
  return waiting;
}

async function waitingBob(): Promise<{ answer?: SyncAnswer; done: Promise<void> }> {
  const client = story.client(bob);
  await client.sync();
  return wait(client);
}

describe('C12: a waiting request is answered by', () => {
  test.each<[string, () => Promise<unknown>, string]>([
    ['an event', () => story.say(alice, room, 'again'), 'rooms'],
    ['a receipt', () => story.read(alice, room, said), 'rooms'],
    ['an own private receipt', () => story.read(bob, room, said, { type: 'm.read.private' }), 'rooms'],
    ['typing', () => story.type(alice, room, 10_000), 'rooms'],
    ['account data', () => story.setAccountData(bob, 'org.example', {}), 'account_data'],
    ['account data of a room', () => story.setAccountData(bob, 'org.example', {}, room), 'rooms'],
    ['new keys of somebody', () => story.uploadKeys(alice), 'device_lists'],
    ['leaving', () => story.leave(bob, room), 'rooms'],
    ['being kicked', () => story.put(alice, room, 'kick', bob), 'rooms'],
  ])('%s', async (_, act, section) => {
    const waiting = await waitingBob();
    await act();
    await waiting.done;
    expect(waiting.answer && newsIn(waiting.answer)).toContain(section);
  });

  test('an invite, and then by what happens in the room that was joined', async () => {
    const other = await story.room(alice, { preset: 'private_chat' });
    const client = story.client(bob);
    await client.sync();
    const invited = await wait(client);
    await story.put(alice, other, 'invite', bob);
    await invited.done;
    const joined = await wait(client);
    await story.join(bob, other);
    await joined.done;
    const told = await wait(client);
    await story.say(alice, other, 'welcome');
    await told.done;
    expect([invited, joined, told].map(({ answer }) => answer && Object.keys(answer.body.rooms ?? {}))).toEqual([
      ['invite'],
      ['join'],
      ['join'],
    ]);
  });
});

describe('a request goes on waiting at', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['an event of another room', async () => story.say(alice, await story.room(alice), 'elsewhere')],
    ['a private receipt of somebody else', () => story.read(alice, room, said, { type: 'm.read.private' })],
    ['account data of somebody else', () => story.setAccountData(alice, 'org.example', {})],
    ['keys of a stranger', async () => story.uploadKeys(await story.user('mallory'))],
    [
      'a message to another device',
      () => story.do(alice, 'PUT', '/sendToDevice/m.test/t1', { messages: { [alice.userId]: { '*': {} } } }),
    ],
  ])('%s', async (_, act) => {
    const waiting = await waitingBob();
    await act();
    await story.settle();
    expect(waiting.answer).toBeUndefined();
    story.world.advance(LONG_MS);
    await waiting.done;
    expect(waiting.answer && newsIn(waiting.answer)).toEqual([]);
  });
});

describe('the wait ends', () => {
  test('after the timeout, with an empty answer whose token goes on', async () => {
    const client = story.client(bob);
    await client.sync();
    const waiting = await wait(client);
    story.world.advance(LONG_MS - 1);
    await story.settle();
    expect(waiting.answer).toBeUndefined();
    story.world.advance(1);
    await waiting.done;
    expect(waiting.answer && newsIn(waiting.answer)).toEqual([]);
    const next = await story.say(alice, room, 'later');
    expect((await client.sync()).timelineIds(room)).toEqual([next]);
  });

  test('when the server stops: at once, all of them', async () => {
    const clients = [story.client(bob), story.client(alice)];
    for (const client of clients) await client.sync();
    const waiting = [await wait(clients[0] ?? story.client(bob)), await wait(clients[1] ?? story.client(alice))];
    await story.server.server.stop();
    for (const { done } of waiting) await done;
    expect(waiting.map(({ answer }) => answer && newsIn(answer))).toEqual([[], []]);
  });

  test('when the client goes away, without reading anything more', async () => {
    const { sync } = story.server.server.services;
    const client = story.client(bob);
    await client.sync();
    const gone = new AbortController();
    const { parseSyncToken } = await import('../src/services/sync/sync-token.ts');
    const { NO_FILTER } = await import('../src/services/accounts/filter.ts');
    const { storage } = story.server;
    const parts = { databaseTag: storage.databaseTag, current: storage.stream.current(), parameter: 'since' };
    const waiting = sync.sync({
      userId: bob.userId,
      deviceId: bob.deviceId,
      since: parseSyncToken(client.since ?? '', parts),
      filter: NO_FILTER,
      fullState: false,
      timeoutMs: LONG_MS,
      stateAfterName: undefined,
      signal: gone.signal,
    });
    await story.settle();
    const { reads } = storage.tally;
    gone.abort();
    expect(JSON.parse(await waiting)).not.toHaveProperty('rooms');
    expect(storage.tally.reads).toBe(reads);
  });

  test('at once for a client that comes from before a restart: its token is brought up to date', async () => {
    const client = story.client(bob);
    await client.sync();
    const { since } = client;
    await story.setAccountData(alice, 'org.example', {});
    client.moveTo(await story.restart());
    expect(newsIn(await client.sync({ timeoutMs: LONG_MS }))).toEqual([]);
    expect(client.since).not.toBe(since);
    const waiting = await wait(client);
    await story.say(alice, room, 'now');
    await waiting.done;
  });
});

describe('parameters', () => {
  test.each([
    ['nonsense', 'nonsense'],
    ['of another server', 's72594_4483_1934'],
    ['with half of it missing', 's1_'],
    ['very long', `s1_${'x'.repeat(11_000)}`],
    ['of a timeline', 't1_abcdef_5'],
  ])('a token that is %s is refused', async (_, since) => {
    const answer = await story.ask(bob, 'GET', `/sync?since=${since}`);
    expect([answer.status, answer.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  });

  test('a token of another database, and one of the future, are refused', async () => {
    const client = story.client(bob);
    await client.sync();
    const [, tag = '', place = ''] = client.since?.split('_') ?? [];
    const others = [`s1_${tag.split('').reverse().join('')}x_${place}`, `s1_${tag}_${place}0`, `s1_${tag}_2-1`];
    for (const since of others) {
      const answer = await story.ask(bob, 'GET', `/sync?since=${since}`);
      expect([since, answer.status, answer.body.errcode]).toEqual([since, 400, 'M_INVALID_PARAM']);
    }
  });

  test('an empty token is none', async () => {
    expect((await story.client(bob).sync({ query: { since: '' } })).roomIds()).toEqual([room]);
  });

  test.each(['-1', 'soon', '1.5'])('the timeout %s is refused', async (timeout) => {
    const answer = await story.ask(bob, 'GET', `/sync?timeout=${timeout}`);
    expect([answer.status, answer.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  });

  test.each([1e12, Number.MAX_SAFE_INTEGER])('a timeout of %d ms is five minutes', async (timeoutMs) => {
    const client = story.client(bob);
    await client.sync();
    let isAnswered = false;
    const waiting = client.sync({ timeoutMs }).then(() => {
      isAnswered = true;
    });
    await story.settle();
    story.world.advance(299_999);
    await story.settle();
    expect(isAnswered).toBe(false);
    story.world.advance(1);
    await waiting;
  });

  test('set_presence and what is not known are taken', async () => {
    const answer = await story.ask(bob, 'GET', '/sync?set_presence=offline&_cacheBuster=17&org.example.x=1');
    expect(answer.status).toBe(200);
  });

  test('who has no token is refused', async () => {
    const answer = await story.server.request('GET', '/_matrix/client/v3/sync');
    expect([answer.status, answer.body.errcode]).toEqual([401, 'M_MISSING_TOKEN']);
  });

  test('the first user of a new server can sync on from nothing', async () => {
    const server = await createTestServer({ seed: 3 });
    const first = await server.createUser('first');
    const { next_batch: since } = await server.ok('GET', '/_matrix/client/v3/sync', { token: first.accessToken });
    await server.ok('GET', `/_matrix/client/v3/sync?since=${since}`, { token: first.accessToken });
    await server.stop();
  });
});
