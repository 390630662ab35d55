import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { contentsOf, eventsOf, newsIn, SyncStory } from './support/sync-story.ts';
import type { SyncAnswer } from './support/syncing-client.ts';

let story: SyncStory;
let alice: Session;
let bob: Session;
let room: string;

beforeEach(async () => {
  story = await SyncStory.begin();
  [alice, bob] = [await story.user('alice'), await story.user('bob')];
  room = await story.room(alice);
  await story.join(bob, room);
});

afterEach(() => story.end());

function typing(answer: SyncAnswer): unknown {
  return contentsOf(answer.room(room).ephemeral, 'm.typing')[''];
}

function receipts(answer: SyncAnswer): unknown {
  return contentsOf(answer.room(room).ephemeral, 'm.receipt')[''];
}

function unread(answer: SyncAnswer): unknown {
  return answer.room(room).unread_notifications;
}

describe('receipts', () => {
  test('what is new comes once, and all of it at first', async () => {
    const [first, second] = await story.sayMany(alice, room, 2);
    const client = story.client(bob);
    await story.read(alice, room, first ?? '');
    expect(receipts(await client.sync())).toMatchObject({ [first ?? '']: { 'm.read': { [alice.userId]: {} } } });
    await story.read(alice, room, second ?? '');
    const content = receipts(await client.sync());
    expect(content).toEqual({ [second ?? '']: { 'm.read': { [alice.userId]: { ts: story.world.clock.nowMs() } } } });
    expect(newsIn(await client.sync())).toEqual([]);
  });

  test('a private one is for its user alone', async () => {
    const said = await story.say(alice, room, 'hello');
    const [own, other] = [story.client(bob), story.client(alice)];
    await own.sync();
    await other.sync();
    await story.read(bob, room, said, { type: 'm.read.private' });
    expect(receipts(await own.sync())).toMatchObject({ [said]: { 'm.read.private': { [bob.userId]: {} } } });
    expect(newsIn(await other.sync())).toEqual([]);
  });

  test('a client that filters receipts out still learns that nothing is unread', async () => {
    const client = story.client(bob, { room: { ephemeral: { not_types: ['m.receipt'] } } });
    const said = await story.say(alice, room, 'hello');
    expect(unread(await client.sync())).toEqual({ notification_count: 1, highlight_count: 0 });
    await story.read(bob, room, said);
    const answer = await client.sync();
    expect(unread(answer)).toEqual({ notification_count: 0, highlight_count: 0 });
    expect(eventsOf(answer.room(room).ephemeral)).toEqual([]);
  });
});

describe('typing', () => {
  test('the beginning, nothing in between, and the end', async () => {
    const client = story.client(bob);
    await client.sync();
    await story.type(alice, room, 30_000);
    expect(typing(await client.sync())).toEqual({ user_ids: [alice.userId] });
    await story.type(alice, room, 30_000);
    expect(newsIn(await client.sync())).toEqual([]);
    await story.type(alice, room, false);
    expect(typing(await client.sync())).toEqual({ user_ids: [] });
    expect(newsIn(await client.sync())).toEqual([]);
  });

  test('it ends by itself, and a restart ends it', async () => {
    const client = story.client(bob);
    await client.sync();
    await story.type(alice, room, 10_000);
    await client.sync();
    const waiting = client.sync({ timeoutMs: 60_000 });
    await story.settle();
    story.world.advance(10_000);
    expect(typing(await waiting)).toEqual({ user_ids: [] });
    await story.type(alice, room, 10_000);
    await client.sync();
    client.moveTo(await story.restart());
    expect(typing(await client.sync())).toEqual({ user_ids: [] });
  });

  test('who comes new sees who types', async () => {
    await story.type(alice, room, 30_000);
    expect(typing(await story.client(bob).sync())).toEqual({ user_ids: [alice.userId] });
  });
});

describe('account data', () => {
  test('global, of a room, and tags: each once when it changes', async () => {
    await story.setAccountData(bob, 'org.example.old', { old: true });
    const client = story.client(bob);
    expect(contentsOf((await client.sync()).body.account_data, 'org.example.old')).toEqual({ '': { old: true } });
    await story.setAccountData(bob, 'org.example.new', { a: 1 });
    await story.setAccountData(bob, 'org.example.room', { b: 2 }, room);
    const tag = `/user/${encodeURIComponent(bob.userId)}/rooms/${encodeURIComponent(room)}/tags/m.favourite`;
    await story.do(bob, 'PUT', tag, { order: 0.5 });
    const answer = await client.sync();
    expect(answer.body.account_data).toEqual({ events: [{ type: 'org.example.new', content: { a: 1 } }] });
    const inRoom = answer.room(room).account_data;
    expect(contentsOf(inRoom, 'org.example.room')).toEqual({ '': { b: 2 } });
    expect(contentsOf(inRoom, 'm.tag')).toEqual({ '': { tags: { 'm.favourite': { order: 0.5 } } } });
    expect(newsIn(await client.sync())).toEqual([]);
  });

  test('it is nobody else’s, and filters hold', async () => {
    const [other, filtered] = [story.client(alice), story.client(bob, { account_data: { not_types: ['org.*'] } })];
    await other.sync();
    await filtered.sync();
    await story.setAccountData(bob, 'org.example.new', { a: 1 });
    expect(newsIn(await other.sync())).toEqual([]);
    expect(newsIn(await filtered.sync())).toEqual([]);
  });

  test('an initial sync has the push rules', async () => {
    const answer = await story.client(bob).sync();
    expect(contentsOf(answer.body.account_data, 'm.push_rules')).toEqual({ '': { global: expect.anything() } });
  });
});

describe('unread counts', () => {
  test('they grow with each event, and a receipt ends them', async () => {
    const client = story.client(bob);
    await client.sync();
    await story.say(alice, room, 'hello');
    expect(unread(await client.sync())).toEqual({ notification_count: 1, highlight_count: 0 });
    const mention = { 'm.mentions': { user_ids: [bob.userId] } };
    const last = await story.say(alice, room, 'hello Bob', mention);
    expect(unread(await client.sync())).toEqual({ notification_count: 2, highlight_count: 1 });
    await story.read(bob, room, last);
    expect(unread(await client.sync())).toEqual({ notification_count: 0, highlight_count: 0 });
  });

  test('own events do not count', async () => {
    const client = story.client(bob);
    await client.sync();
    await story.say(bob, room, 'mine');
    expect(unread(await client.sync())).toEqual({ notification_count: 0, highlight_count: 0 });
  });

  test('threads count apart for who asks, and together for who does not', async () => {
    const root = await story.say(alice, room, 'root');
    const threaded = story.client(bob, { room: { timeline: { unread_thread_notifications: true } } });
    const plain = story.client(bob);
    await threaded.sync();
    await plain.sync();
    await story.say(alice, room, 'in thread', { 'm.relates_to': { rel_type: 'm.thread', event_id: root } });
    const answer = await threaded.sync();
    expect(unread(answer)).toEqual({ notification_count: 1, highlight_count: 0 });
    expect(answer.room(room).unread_thread_notifications).toEqual({
      [root]: { notification_count: 1, highlight_count: 0 },
    });
    expect(unread(await plain.sync())).toEqual({ notification_count: 2, highlight_count: 0 });
  });
});
