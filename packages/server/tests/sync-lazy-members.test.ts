import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { contentsOf, SyncStory } from './support/sync-story.ts';
import type { SyncAnswer } from './support/syncing-client.ts';

let story: SyncStory;
let alice: Session;
let bob: Session;
let carol: Session;
let room: string;

beforeEach(async () => {
  story = await SyncStory.begin();
  [alice, bob, carol] = [await story.user('alice'), await story.user('bob'), await story.user('carol')];
  room = await story.room(alice, { preset: 'public_chat', name: 'Named' });
  await story.join(bob, room);
  await story.join(carol, room);
});

afterEach(() => story.end());

const lazy = { room: { timeline: { limit: 2 }, state: { lazy_load_members: true } } };
const redundant = { room: { ...lazy.room, state: { lazy_load_members: true, include_redundant_members: true } } };

function members(answer: SyncAnswer): string[] {
  return Object.keys(contentsOf(answer.room(room).state, 'm.room.member')).toSorted();
}

describe('lazily loaded members', () => {
  test('at first: the senders of the timeline and the user', async () => {
    await story.sayMany(alice, room, 2);
    expect(members(await story.client(bob, lazy).sync())).toEqual([alice.userId, bob.userId]);
  });

  test('later: each sender once', async () => {
    const client = story.client(bob, lazy);
    await story.sayMany(alice, room, 2);
    await client.sync();
    await story.say(carol, room, 'first');
    expect(members(await client.sync())).toEqual([carol.userId]);
    await story.say(carol, room, 'second');
    expect(members(await client.sync())).toEqual([]);
  });

  test('include_redundant_members tells them each time', async () => {
    const client = story.client(bob, redundant);
    await story.sayMany(alice, room, 2);
    await client.sync();
    for (const body of ['first', 'second']) {
      await story.say(carol, room, body);
      expect(members(await client.sync())).toEqual([carol.userId]);
    }
  });

  test('an answer that got lost told nobody', async () => {
    const client = story.client(bob, lazy);
    await story.sayMany(alice, room, 2);
    await client.sync();
    const { since } = client;
    await story.say(carol, room, 'first');
    expect(members(await client.sync())).toEqual([carol.userId]);
    client.since = since;
    await story.say(carol, room, 'second');
    expect(members(await client.sync())).toEqual([carol.userId]);
    await story.say(carol, room, 'third');
    expect(members(await client.sync())).toEqual([]);
  });

  test('a restart tells again', async () => {
    const client = story.client(bob, lazy);
    await story.sayMany(alice, room, 2);
    await client.sync();
    await story.say(carol, room, 'first');
    await client.sync();
    client.moveTo(await story.restart());
    await story.say(carol, room, 'second');
    expect(members(await client.sync())).toEqual([carol.userId]);
  });

  test('a new name within a gap comes, told before or not', async () => {
    const client = story.client(bob, lazy);
    await story.sayMany(alice, room, 2);
    await client.sync();
    await story.setState(carol, room, 'm.room.member', { membership: 'join', displayname: 'Caro' }, carol.userId);
    await story.sayMany(alice, room, 3);
    const answer = await client.sync();
    expect(contentsOf(answer.room(room).state, 'm.room.member')).toMatchObject({
      [carol.userId]: { displayname: 'Caro' },
    });
  });

  test('who speaks and then changes his name comes as he was when he spoke', async () => {
    const client = story.client(bob, { room: { state: { lazy_load_members: true } } });
    await story.sayMany(alice, room, 12);
    await client.sync();
    await story.say(carol, room, 'as Carol');
    await story.setState(carol, room, 'm.room.member', { membership: 'join', displayname: 'Caro' }, carol.userId);
    const { state } = (await client.sync()).room(room);
    expect(contentsOf(state, 'm.room.member')).toEqual({ [carol.userId]: { membership: 'join' } });
  });

  test('who joins within the timeline is told by that', async () => {
    const client = story.client(bob, { room: { state: { lazy_load_members: true } } });
    await client.sync();
    const dave = await story.user('dave');
    await story.join(dave, room);
    await story.say(dave, room, 'hello');
    expect(members(await client.sync())).toEqual([]);
    await story.say(dave, room, 'again');
    expect(members(await client.sync())).toEqual([]);
  });
});

describe('the summary', () => {
  test('a room without a name has heroes, whose member events come along', async () => {
    const nameless = await story.room(alice);
    await story.join(bob, nameless);
    await story.put(alice, nameless, 'invite', carol);
    await story.sayMany(bob, nameless, 3);
    const answer = (await story.client(bob, lazy).sync()).room(nameless);
    expect(answer.summary).toEqual({
      'm.heroes': [alice.userId, carol.userId],
      'm.joined_member_count': 2,
      'm.invited_member_count': 1,
    });
    const told = Object.keys(contentsOf(answer.state, 'm.room.member'));
    expect(told.toSorted()).toEqual([alice.userId, bob.userId, carol.userId]);
  });

  test('it comes when the members change, and not with every event', async () => {
    const client = story.client(bob);
    await client.sync();
    await story.say(alice, room, 'hello');
    expect((await client.sync()).room(room)).not.toHaveProperty('summary');
    await story.leave(carol, room);
    expect((await client.sync()).room(room).summary).toEqual({
      'm.joined_member_count': 2,
      'm.invited_member_count': 0,
    });
  });

  test('a room that loses its name gets heroes', async () => {
    const client = story.client(bob);
    await client.sync();
    await story.setState(alice, room, 'm.room.name', { name: '' });
    expect((await client.sync()).room(room).summary).toMatchObject({ 'm.heroes': [alice.userId, carol.userId] });
  });

  test('where nobody else is left, those who were are the heroes', async () => {
    const pair = await story.room(alice);
    await story.join(bob, pair);
    await story.leave(alice, pair);
    expect((await story.client(bob).sync()).room(pair).summary).toMatchObject({ 'm.heroes': [alice.userId] });
  });
});
