import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { contentsOf, eventsOf, idsOf, newsIn, SyncStory } from './support/sync-story.ts';

let story: SyncStory;
let alice: Session;
let bob: Session;
let room: string;

beforeEach(async () => {
  story = await SyncStory.begin();
  [alice, bob] = [await story.user('alice'), await story.user('bob')];
  room = await story.room(alice, { preset: 'private_chat', name: 'Kitchen', topic: 'secret' });
});

afterEach(() => story.end());

async function bringBob(): Promise<void> {
  await story.put(alice, room, 'invite', bob);
  await story.join(bob, room);
}

describe('invites', () => {
  test('an invite comes once, with stripped state, and nothing from inside', async () => {
    const client = story.client(bob);
    await client.sync();
    await story.put(alice, room, 'invite', bob);
    const answer = await client.sync();
    expect([answer.roomIds('invite'), answer.roomIds()]).toEqual([[room], []]);
    const { invite_state: state } = answer.room(room, 'invite');
    expect(contentsOf(state, 'm.room.name')).toEqual({ '': { name: 'Kitchen' } });
    expect(contentsOf(state, 'm.room.member')).toMatchObject({
      [alice.userId]: { membership: 'join' },
      [bob.userId]: { membership: 'invite' },
    });
    for (const event of eventsOf(state)) {
      expect(Object.keys(event).toSorted()).toEqual(['content', 'sender', 'state_key', 'type']);
    }
    await story.say(alice, room, 'not for the invited');
    expect(newsIn(await client.sync())).toEqual([]);
    expect((await story.client(bob).sync()).roomIds('invite')).toEqual([room]);
  });

  test('an invite of an ignored user is not shown', async () => {
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: { [alice.userId]: {} } });
    const client = story.client(bob);
    await client.sync();
    await story.put(alice, room, 'invite', bob);
    expect(newsIn(await client.sync())).toEqual([]);
    expect((await story.client(bob).sync()).roomIds('invite')).toEqual([]);
  });

  test.each([
    ['declined', () => story.leave(bob, room)],
    ['taken back', () => story.put(alice, room, 'kick', bob)],
  ])('one that is %s ends with its member event, and tells nothing of the room or who is in it', async (_, end) => {
    await story.put(alice, room, 'invite', bob);
    const client = story.client(bob, { room: { timeline: { limit: 2 } } });
    await client.sync();
    await story.sayMany(alice, room, 3);
    await story.setTopic(alice, room, 'more secret');
    await end();
    const answer = await client.sync({ query: { use_state_after: 'true' } });
    expect(newsIn(answer)).toEqual(['rooms']);
    const { timeline, state_after: state } = answer.room(room, 'leave');
    expect(timeline?.events).toMatchObject([{ type: 'm.room.member', content: { membership: 'leave' } }]);
    expect([timeline?.limited, eventsOf(state)]).toEqual([false, []]);
    expect(newsIn(await client.sync())).toEqual([]);
  });

  test('one that comes and goes between two syncs shows as left', async () => {
    const client = story.client(bob);
    await client.sync();
    await story.put(alice, room, 'invite', bob);
    await story.leave(bob, room);
    const answer = await client.sync();
    expect([answer.roomIds('invite'), answer.roomIds('leave')]).toEqual([[], [room]]);
  });
});

describe('joining', () => {
  test('a room that was joined since comes whole', async () => {
    await story.put(alice, room, 'invite', bob);
    const client = story.client(bob);
    await client.sync();
    await story.join(bob, room);
    const answer = await client.sync();
    expect([answer.roomIds(), answer.roomIds('invite')]).toEqual([[room], []]);
    const { state, timeline } = answer.room(room);
    expect(timeline?.events.at(-1)).toMatchObject({ type: 'm.room.member', state_key: bob.userId });
    const types = [...eventsOf(state), ...eventsOf(timeline)].map((event) => event.type);
    expect(types).toEqual(expect.arrayContaining(['m.room.create', 'm.room.power_levels', 'm.room.topic']));
  });

  test('history that who joins may not see is not shown, and the room goes on from there', async () => {
    await story.setState(alice, room, 'm.room.history_visibility', { history_visibility: 'joined' });
    const hidden = await story.sayMany(alice, room, 3);
    const client = story.client(bob);
    await client.sync();
    await bringBob();
    const seen = await story.say(alice, room, 'welcome');
    const answer = (await client.sync()).room(room);
    expect(idsOf(answer.timeline).at(-1)).toBe(seen);
    for (const id of hidden) expect(idsOf(answer.timeline)).not.toContain(id);
    const before = await story.pagesBack(bob, room, answer.timeline?.prev_batch ?? '');
    for (const id of hidden) expect(before.map((event) => event.event_id)).not.toContain(id);
  });

  test('shared history is shown to who joins', async () => {
    const said = await story.say(alice, room, 'before');
    const client = story.client(bob);
    await client.sync();
    await bringBob();
    expect((await client.sync()).timelineIds(room)).toContain(said);
  });

  test('who left and came back between two syncs gets the room whole, as after a gap', async () => {
    await bringBob();
    const client = story.client(bob);
    await client.sync();
    await story.leave(bob, room);
    const missed = await story.say(alice, room, 'without Bob');
    await story.setTopic(alice, room, 'new');
    await bringBob();
    const answer = await client.sync();
    expect([answer.roomIds(), answer.roomIds('leave')]).toEqual([[room], []]);
    const { timeline, state } = answer.room(room);
    expect(timeline?.limited).toBe(true);
    expect(answer.timelineIds(room)).toContain(missed);
    expect(contentsOf(state, 'm.room.create')).toEqual({ '': expect.anything() });
  });
});

describe('leaving', () => {
  test.each([
    ['left', () => story.leave(bob, room), 'leave'],
    ['was kicked', () => story.put(alice, room, 'kick', bob), 'leave'],
    ['was banned', () => story.put(alice, room, 'ban', bob), 'ban'],
  ])('who %s gets the room up to that, once', async (_, go, membership) => {
    await bringBob();
    const client = story.client(bob);
    await client.sync();
    const last = await story.say(alice, room, 'last');
    await go();
    const after = await story.say(alice, room, 'after Bob');
    const answer = await client.sync();
    expect([answer.roomIds(), answer.roomIds('leave')]).toEqual([[], [room]]);
    const { timeline } = answer.room(room, 'leave');
    expect(idsOf(timeline)[0]).toBe(last);
    expect(timeline?.events[1]).toMatchObject({ state_key: bob.userId, content: { membership } });
    expect(JSON.stringify(answer.body)).not.toContain(after);
    await story.say(alice, room, 'long after Bob');
    expect(newsIn(await client.sync())).toEqual([]);
  });

  test('a second ban shows nothing of what came after the first', async () => {
    await bringBob();
    const client = story.client(bob);
    await client.sync();
    await story.setState(alice, room, 'm.room.history_visibility', { history_visibility: 'world_readable' });
    await story.put(alice, room, 'ban', bob);
    const after = await story.say(alice, room, 'after Bob');
    await story.do(alice, 'POST', `/rooms/${encodeURIComponent(room)}/ban`, { user_id: bob.userId, reason: 'really' });
    expect(JSON.stringify((await client.sync()).body)).not.toContain(after);
  });

  test('who came and went between two syncs gets the whole state up to that', async () => {
    const client = story.client(bob);
    await client.sync();
    await bringBob();
    await story.sayMany(alice, room, 12);
    await story.leave(bob, room);
    await story.setTopic(alice, room, 'after Bob');
    const { timeline, state } = (await client.sync()).room(room, 'leave');
    expect(timeline?.limited).toBe(true);
    expect(contentsOf(state, 'm.room.create')).toEqual({ '': expect.anything() });
    expect(contentsOf(state, 'm.room.topic')).toMatchObject({ '': { topic: 'secret' } });
  });

  test('state that changed in a gap comes as it was when the user left', async () => {
    await bringBob();
    const client = story.client(bob, { room: { timeline: { limit: 2 } } });
    await client.sync();
    await story.setTopic(alice, room, 'in the gap');
    await story.sayMany(alice, room, 3);
    await story.leave(bob, room);
    await story.setTopic(alice, room, 'after Bob');
    const { state } = (await client.sync()).room(room, 'leave');
    expect(contentsOf(state, 'm.room.topic')).toMatchObject({ '': { topic: 'in the gap' } });
  });

  test('include_leave shows rooms that were left before, until they are forgotten', async () => {
    await bringBob();
    await story.leave(bob, room);
    const filter = { room: { include_leave: true } };
    expect((await story.client(bob).sync()).roomIds('leave')).toEqual([]);
    expect((await story.client(bob, filter).sync()).roomIds('leave')).toEqual([room]);
    await story.forget(bob, room);
    expect((await story.client(bob, filter).sync()).roomIds('leave')).toEqual([]);
  });

  test('account data of a room that was left comes with it', async () => {
    await bringBob();
    const client = story.client(bob);
    await story.setAccountData(bob, 'org.example.old', { old: true }, room);
    await client.sync();
    await story.setAccountData(bob, 'org.example.new', { new: true }, room);
    await story.leave(bob, room);
    const fresh = { type: 'org.example.new', content: { new: true } };
    expect((await client.sync()).room(room, 'leave').account_data).toEqual({ events: [fresh] });
    const filter = { room: { include_leave: true, account_data: { not_types: ['*.new'] } } };
    const old = { type: 'org.example.old', content: { old: true } };
    expect((await story.client(bob, filter).sync()).room(room, 'leave').account_data).toEqual({ events: [old] });
  });

  test('full_state does not hide that a room was left', async () => {
    await bringBob();
    const client = story.client(bob);
    await client.sync();
    await story.leave(bob, room);
    expect((await client.sync({ query: { full_state: 'true' } })).roomIds('leave')).toEqual([room]);
  });

  test('a forgotten room that is joined again comes whole', async () => {
    await bringBob();
    await story.leave(bob, room);
    await story.forget(bob, room);
    const client = story.client(bob);
    await client.sync();
    await bringBob();
    expect(contentsOf((await client.sync()).room(room).state, 'm.room.create')).toEqual({ '': expect.anything() });
  });
});

describe('knocking', () => {
  test('a knock comes with stripped state, and ends as an invite', async () => {
    await story.setState(alice, room, 'm.room.join_rules', { join_rule: 'knock' });
    const client = story.client(bob);
    await client.sync();
    await story.do(bob, 'POST', `/knock/${encodeURIComponent(room)}`, {});
    const answer = await client.sync();
    expect(answer.roomIds('knock')).toEqual([room]);
    const { knock_state: state } = answer.room(room, 'knock');
    expect(contentsOf(state, 'm.room.member')).toMatchObject({ [bob.userId]: { membership: 'knock' } });
    expect(eventsOf(state).map((event) => event.type)).not.toContain('m.room.power_levels');
    await story.put(alice, room, 'invite', bob);
    const next = await client.sync();
    expect([next.roomIds('knock'), next.roomIds('invite')]).toEqual([[], [room]]);
  });
});
