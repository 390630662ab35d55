import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { newsIn, SyncStory } from './support/sync-story.ts';
import type { SyncAnswer, SyncingClient } from './support/syncing-client.ts';

let story: SyncStory;
let alice: Session;
let room: string;

beforeEach(async () => {
  story = await SyncStory.begin();
  alice = await story.user('alice');
  room = await story.room(alice);
});

afterEach(() => story.end());

/** Statements and rows read while this is done; what was done before has had its consequences by then. */
async function cost(act: () => Promise<unknown>): Promise<{ reads: number; rows: number }> {
  await story.settle();
  const { tally } = story.server.storage;
  const before = { ...tally };
  await act();
  return { reads: tally.reads - before.reads, rows: tally.rowsRead - before.rowsRead };
}

/** Clients of new users in the room, each with a token of now. */
async function members(count: number, name: string, filter = {}): Promise<SyncingClient[]> {
  const clients: SyncingClient[] = [];
  for (let number = 0; number < count; number += 1) {
    const user = await story.user(`${name}${number}`);
    await story.join(user, room);
    clients.push(story.client(user, filter));
  }
  for (const client of clients) await client.sync();
  return clients;
}

/** All wait, then this happens: their answers, and what was read from then on. */
async function woken(clients: readonly SyncingClient[], act: () => Promise<unknown>) {
  const answers = clients.map((client) => client.sync({ timeoutMs: 30_000 }));
  await story.settle();
  let given: SyncAnswer[] = [];
  const spent = await cost(async () => {
    await act();
    given = await Promise.all(answers);
  });
  return { spent, given };
}

describe('what an incremental sync reads', () => {
  test('does not depend on how many rooms the user is in', async () => {
    const [few, many] = [await story.user('few'), await story.user('many')];
    for (const user of [few, many]) await story.join(user, room);
    for (let count = 0; count < 200; count += 1) await story.room(many, {});
    const spent: unknown[] = [];
    for (const user of [few, many]) {
      const client = story.client(user);
      await client.sync();
      await story.say(alice, room, 'warm');
      await client.sync();
      const said = await story.say(alice, room, 'hello');
      spent.push(await cost(async () => expect((await client.sync()).timelineIds(room)).toEqual([said])));
    }
    expect(spent[1]).toEqual(spent[0]);
    expect(spent[0]).toMatchObject({ reads: expect.toSatisfy((reads: number) => reads <= 5) });
  });

  test('does not depend on how many rooms the user has left', async () => {
    const [few, many] = [await story.user('few'), await story.user('many')];
    for (const user of [few, many]) await story.join(user, room);
    for (let count = 0; count < 100; count += 1) await story.leave(many, await story.room(many, {}));
    const spent: unknown[] = [];
    for (const user of [few, many]) {
      const client = story.client(user);
      await client.sync();
      await story.say(alice, room, 'warm');
      await client.sync();
      await story.say(alice, room, 'hello');
      spent.push(await cost(async () => expect((await client.sync()).roomIds()).toEqual([room])));
    }
    expect(spent[1]).toEqual(spent[0]);
  });

  test('is nothing when there is nothing new', async () => {
    const [client] = await members(1, 'bob');
    await client?.sync();
    expect(await cost(async () => client?.sync())).toEqual({ reads: 0, rows: 0 });
  });

  test('is nothing of the user’s rooms when a stranger changes something', async () => {
    const bob = await story.user('bob');
    for (let count = 0; count < 30; count += 1) await story.room(bob, {});
    const client = story.client(bob);
    await client.sync();
    await client.sync();
    await story.uploadKeys(alice);
    await story.room(alice);
    // One question: does he share a room with that stranger?
    const spent = await cost(async () => expect(newsIn(await client.sync())).toEqual([]));
    expect(spent).toEqual({ reads: 1, rows: 0 });
  });
});

describe('what waiting requests read', () => {
  test('nothing, when they are woken for nothing and when their time is over', async () => {
    const [client] = await members(1, 'bob');
    const second = story.client(await story.login('bob0'));
    await second.sync();
    if (client === undefined) throw new Error('There is a client');
    // What is done in the background for new accounts is done before.
    story.world.advance(60_000);
    await story.settle();
    const claim = async () => {
      const query = { one_time_keys: { '@bob0:localhost': { NOBODY: 'signed_curve25519' } } };
      await story.do(alice, 'POST', '/keys/claim', query);
      const messages = { '@bob0:localhost': { NOBODY: {} } };
      await story.do(alice, 'PUT', `/sendToDevice/m.test/${Math.random()}`, { messages });
    };
    await claim();
    const alone = await cost(claim);
    const waiting = [client, second].map((one) => one.sync({ timeoutMs: 30_000 }));
    await story.settle();
    expect(await cost(claim)).toEqual(alone);
    const end = async () => {
      story.world.advance(30_000);
      for (const answer of await Promise.all(waiting)) expect(newsIn(answer)).toEqual([]);
    };
    expect(await cost(end)).toEqual({ reads: 0, rows: 0 });
  });

  test.each([
    ['everything', {}],
    ['members lazily', { room: { state: { lazy_load_members: true } } }],
  ])('the same for a hundred in one room as for ten: with clients that load %s', async (_, filter) => {
    const ten = await members(10, 'early', filter);
    const spent: { reads: number; rows: number }[] = [];
    for (const clients of [ten, [...ten, ...(await members(90, 'late', filter))]]) {
      for (const client of clients) await client.sync();
      for (const body of ['warm', 'warmer']) await woken(clients, () => story.say(alice, room, body));
      const { spent: now, given } = await woken(clients, () => story.say(alice, room, 'hello'));
      const bodies = given.map((answer) => answer.room(room).timeline?.events.map((event) => event.content));
      expect(new Set(bodies.map((body) => JSON.stringify(body)))).toEqual(
        new Set([JSON.stringify([{ msgtype: 'm.text', body: 'hello' }])]),
      );
      spent.push(now);
    }
    expect(spent[1]).toEqual(spent[0]);
  });
});
