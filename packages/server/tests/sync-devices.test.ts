import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { eventsOf, newsIn, SyncStory } from './support/sync-story.ts';
import type { SyncAnswer } from './support/syncing-client.ts';

const SIGNED = 'signed_curve25519';

let story: SyncStory;
let alice: Session;
let bob: Session;

beforeEach(async () => {
  story = await SyncStory.begin();
  [alice, bob] = [await story.user('alice'), await story.user('bob')];
});

afterEach(() => story.end());

describe('messages to devices', () => {
  let sent = 0;

  async function sendTo(session: Session, count: number): Promise<void> {
    for (let number = 0; number < count; number += 1) {
      sent += 1;
      const messages = { [session.userId]: { [session.deviceId]: { number } } };
      await story.do(alice, 'PUT', `/sendToDevice/m.test/t${sent}`, { messages });
    }
  }

  function numbers(answer: SyncAnswer): unknown[] {
    return eventsOf(answer.body.to_device).map((event) => (event.content as JsonObject).number);
  }

  const all = Array.from({ length: 230 }, (_, number) => number);

  test('many come in pages, each once and in order, the next one at once', async () => {
    const client = story.client(bob);
    await client.sync();
    await sendTo(bob, 230);
    const pages: unknown[][] = [];
    for (let page = 0; page < 3; page += 1) pages.push(numbers(await client.sync({ timeoutMs: 30_000 })));
    expect(pages).toEqual([all.slice(0, 100), all.slice(100, 200), all.slice(200)]);
    expect(newsIn(await client.sync())).toEqual([]);
  });

  test('whoever repeats a token gets the same page again, and a restart loses none', async () => {
    const client = story.client(bob);
    await client.sync();
    await sendTo(bob, 230);
    await client.sync();
    const { since } = client;
    expect(numbers(await client.sync())).toEqual(all.slice(100, 200));
    client.since = since;
    client.moveTo(await story.restart());
    expect(numbers(await client.sync())).toEqual(all.slice(100, 200));
    expect(numbers(await client.sync())).toEqual(all.slice(200));
  });

  test('what was acknowledged is gone, though nothing else came', async () => {
    const client = story.client(bob);
    await client.sync();
    await sendTo(bob, 3);
    expect(numbers(await client.sync())).toEqual([0, 1, 2]);
    await client.sync();
    await story.server.server.services.encryption.stop();
    expect(numbers(await story.client(bob).sync())).toEqual([]);
  });

  test('what was not acknowledged comes with an initial sync', async () => {
    const client = story.client(bob);
    await client.sync();
    await sendTo(bob, 3);
    expect(numbers(await client.sync())).toEqual([0, 1, 2]);
    expect(numbers(await story.client(bob).sync())).toEqual([0, 1, 2]);
  });
});

describe('device lists', () => {
  function lists(answer: SyncAnswer): { changed: string[]; left: string[] } | undefined {
    const found = answer.body.device_lists as { changed: string[]; left: string[] } | undefined;
    return found && { changed: found.changed.toSorted(), left: found.left.toSorted() };
  }

  test('who comes to share a room is changed, and who shares none any more has left', async () => {
    const room = await story.room(alice);
    const client = story.client(alice);
    await client.sync();
    await story.join(bob, room);
    expect(lists(await client.sync())).toEqual({ changed: [bob.userId], left: [] });
    await story.say(bob, room, 'hello');
    expect(lists(await client.sync())).toBeUndefined();
    await story.leave(bob, room);
    expect(lists(await client.sync())).toEqual({ changed: [], left: [bob.userId] });
  });

  test('who joins learns of everybody there, and who leaves forgets those who share no other room', async () => {
    const carol = await story.user('carol');
    const [room, other] = [await story.room(alice), await story.room(carol)];
    await story.join(carol, room);
    await story.join(bob, other);
    const client = story.client(bob);
    await client.sync();
    await story.join(bob, room);
    expect(lists(await client.sync())).toEqual({ changed: [alice.userId, carol.userId], left: [] });
    await story.leave(bob, room);
    expect(lists(await client.sync())).toEqual({ changed: [], left: [alice.userId] });
  });

  test('a new name, an invite and its end change nothing', async () => {
    const carol = await story.user('carol');
    const room = await story.room(alice);
    await story.join(bob, room);
    const client = story.client(bob);
    await client.sync();
    await story.setState(alice, room, 'm.room.member', { membership: 'join', displayname: 'A' }, alice.userId);
    await story.put(alice, room, 'invite', carol);
    await story.leave(carol, room);
    expect(lists(await client.sync())).toBeUndefined();
  });

  test('the invited learn nothing of who is in the room, nor do those who decline', async () => {
    const room = await story.room(alice, { preset: 'private_chat' });
    const client = story.client(bob);
    await client.sync();
    await story.put(alice, room, 'invite', bob);
    expect(lists(await client.sync())).toBeUndefined();
    await story.leave(bob, room);
    expect(lists(await client.sync())).toBeUndefined();
  });

  test('new keys are told to those who share a room, the own ones too, and to nobody else', async () => {
    const carol = await story.user('carol');
    await story.join(bob, await story.room(alice));
    const clients = [alice, bob, carol].map((session) => story.client(session));
    for (const client of clients) await client.sync();
    await story.uploadKeys(alice);
    const told = [];
    for (const client of clients) told.push(lists(await client.sync()));
    const changed = { changed: [alice.userId], left: [] };
    expect(told).toEqual([changed, changed, undefined]);
  });

  test('the same after a restart, when no tail of the stream remembers', async () => {
    const [carol, dave] = [await story.user('carol'), await story.user('dave')];
    const [room, hidden] = [await story.room(alice), await story.room(dave, { preset: 'private_chat' })];
    await story.join(bob, room);
    const client = story.client(alice);
    await client.sync();
    await story.join(carol, room);
    await story.leave(bob, room);
    await story.put(dave, hidden, 'invite', alice);
    await story.leave(alice, hidden);
    await story.uploadKeys(carol);
    client.moveTo(await story.restart());
    expect(lists(await client.sync())).toEqual({ changed: [carol.userId], left: [bob.userId] });
    expect(lists(await client.sync())).toBeUndefined();
  });
});

describe('keys/changes', () => {
  async function changes(session: Session, from: string | undefined, to: string | undefined): Promise<JsonObject> {
    return story.do(session, 'GET', `/keys/changes?from=${from}&to=${to}`);
  }

  test('tells what device_lists told, in memory or not, and nothing of rooms that the user was never in', async () => {
    const [carol, dave] = [await story.user('carol'), await story.user('dave')];
    const [room, hidden] = [await story.room(alice), await story.room(dave, { preset: 'private_chat' })];
    await story.join(bob, room);
    const client = story.client(alice);
    await client.sync();
    const from = client.since;
    await story.join(carol, room);
    await story.leave(bob, room);
    await story.put(dave, hidden, 'invite', alice);
    await story.leave(alice, hidden);
    const answer = await client.sync();
    expect(answer.body.device_lists).toEqual({ changed: [carol.userId], left: [bob.userId] });
    expect(await changes(alice, from, client.since)).toEqual(answer.body.device_lists);
    expect(await changes(alice, client.since, client.since)).toEqual({ changed: [], left: [] });
    await story.restart();
    expect(await changes(alice, from, client.since)).toEqual(answer.body.device_lists);
  });
});

describe('key counts', () => {
  async function upload(count: number): Promise<void> {
    const keys = Array.from({ length: count }, (_, number) => [`${SIGNED}:K${number}`, { key: `key ${number}` }]);
    await story.do(alice, 'POST', '/keys/upload', { one_time_keys: Object.fromEntries(keys) });
  }

  test('they are in every answer, also in one without news', async () => {
    await upload(3);
    const client = story.client(alice);
    for (let turn = 0; turn < 2; turn += 1) {
      const { body } = await client.sync();
      expect(body.device_one_time_keys_count).toEqual({ [SIGNED]: 3 });
      expect(body.device_unused_fallback_key_types).toEqual([]);
    }
  });

  test('a claim wakes the device that has one less, and no other', async () => {
    await upload(3);
    const [client, second] = [story.client(alice), story.client(await story.login('alice'))];
    await client.sync();
    await second.sync();
    const waiting = client.sync({ timeoutMs: 30_000 });
    let isSecondAnswered = false;
    const other = second.sync({ timeoutMs: 30_000 }).then(() => {
      isSecondAnswered = true;
    });
    await story.settle();
    const claim = { one_time_keys: { [alice.userId]: { [alice.deviceId]: SIGNED } } };
    await story.do(bob, 'POST', '/keys/claim', claim);
    expect((await waiting).body.device_one_time_keys_count).toEqual({ [SIGNED]: 2 });
    await story.settle();
    expect(isSecondAnswered).toBe(false);
    story.world.advance(30_000);
    await other;
  });
});
