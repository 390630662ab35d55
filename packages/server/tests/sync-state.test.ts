import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { contentsOf, eventsOf, idsOf, SyncStory } from './support/sync-story.ts';

const STABLE = { use_state_after: 'true' };
const UNSTABLE = { 'org.matrix.msc4222.use_state_after': 'true' };

let story: SyncStory;
let alice: Session;
let bob: Session;
let room: string;

beforeEach(async () => {
  story = await SyncStory.begin();
  [alice, bob] = [await story.user('alice'), await story.user('bob')];
  room = await story.room(alice, { preset: 'public_chat', topic: 'one' });
  await story.join(bob, room);
});

afterEach(() => story.end());

const small = { room: { timeline: { limit: 2 } } };

describe('state before the timeline', () => {
  test('an initial sync gives the state at the start of the timeline, not what the timeline shows', async () => {
    await story.sayMany(alice, room, 10);
    const topic = await story.setTopic(alice, room, 'two');
    await story.say(alice, room, 'last');
    const answer = (await story.client(bob, small).sync()).room(room);
    expect(idsOf(answer.timeline)).toContain(topic);
    expect(contentsOf(answer.state, 'm.room.topic')).toMatchObject({ '': { topic: 'one' } });
    expect(Object.keys(contentsOf(answer.state, 'm.room.member')).toSorted()).toEqual([alice.userId, bob.userId]);
    expect(idsOf(answer.state)).not.toContain(topic);
  });

  test('without a gap there is no state: the timeline has it', async () => {
    const client = story.client(bob);
    await client.sync();
    await story.setTopic(alice, room, 'two');
    expect((await client.sync()).room(room).state?.events).toEqual([]);
  });

  test('over a gap: what changed in it, as it was at the start of the timeline', async () => {
    const client = story.client(bob, small);
    await client.sync();
    await story.setTopic(alice, room, 'two');
    const name = await story.setState(alice, room, 'm.room.name', { name: 'in the gap' });
    const three = await story.setTopic(alice, room, 'three');
    await story.sayMany(alice, room, 3);
    const four = await story.setTopic(alice, room, 'four');
    const answer = (await client.sync()).room(room);
    expect(idsOf(answer.timeline)).toContain(four);
    expect(idsOf(answer.state)).toEqual([three, name]);
  });

  test('what the timeline filter takes out of the timeline stands in the state', async () => {
    const client = story.client(bob, { room: { timeline: { types: ['m.room.message'] } } });
    await client.sync();
    const said = await story.say(alice, room, 'before');
    await story.setTopic(alice, room, 'two');
    const three = await story.setTopic(alice, room, 'three');
    const answer = (await client.sync()).room(room);
    expect([idsOf(answer.timeline), idsOf(answer.state)]).toEqual([[said], [three]]);
  });

  test('the state filter holds, and `limit` of the timeline does not cut state', async () => {
    const filter = { room: { timeline: { limit: 0 }, state: { types: ['m.room.topic'] } } };
    const answer = (await story.client(bob, filter).sync()).room(room);
    expect(eventsOf(answer.state).map((event) => event.type)).toEqual(['m.room.topic']);
  });

  test('full_state gives all of it, at once, and the timeline since the token', async () => {
    const client = story.client(bob);
    await client.sync();
    const said = await story.say(alice, room, 'hello');
    const answer = await client.sync({ timeoutMs: 30_000, query: { full_state: 'true' } });
    expect(answer.timelineIds(room)).toEqual([said]);
    expect(contentsOf(answer.room(room).state, 'm.room.topic')).toMatchObject({ '': { topic: 'one' } });
    const again = await client.sync({ timeoutMs: 30_000, query: { full_state: 'true' } });
    expect(again.timelineIds(room)).toEqual([]);
    expect(contentsOf(again.room(room).state, 'm.room.create')).toEqual({ '': expect.anything() });
  });
});

describe.each([
  ['stable', STABLE, 'state_after'],
  ['unstable', UNSTABLE, 'org.matrix.msc4222.state_after'],
])('MSC4222, %s name: state after the timeline', (_, query, section) => {
  test('an initial sync gives the state at the end', async () => {
    const topic = await story.setTopic(alice, room, 'two');
    const answer = (await story.client(bob).sync({ query })).room(room);
    expect(answer).not.toHaveProperty('state');
    expect(idsOf(answer.timeline)).toContain(topic);
    expect(contentsOf(answer[section], 'm.room.topic')).toMatchObject({ '': { topic: 'two' } });
  });

  test('an incremental one gives what changed, whether or not the timeline shows it', async () => {
    const client = story.client(bob, small);
    await client.sync({ query });
    await story.setTopic(alice, room, 'two');
    const three = await story.setTopic(alice, room, 'three');
    expect(idsOf((await client.sync({ query })).room(room)[section])).toEqual([three]);
    const four = await story.setTopic(alice, room, 'four');
    await story.sayMany(alice, room, 3);
    expect(idsOf((await client.sync({ query })).room(room)[section])).toEqual([four]);
    await story.say(alice, room, 'no state');
    expect(idsOf((await client.sync({ query })).room(room)[section])).toEqual([]);
  });

  test('the members whom an initial timeline shows are there, lazily loaded, too', async () => {
    const filter = { room: { state: { lazy_load_members: true } } };
    await story.say(alice, room, 'hello');
    const answer = (await story.client(bob, filter).sync({ query })).room(room);
    expect(idsOf(answer.timeline).length).toBeGreaterThan(1);
    expect(Object.keys(contentsOf(answer[section], 'm.room.member')).toSorted()).toEqual([alice.userId, bob.userId]);
  });

  test('in a room that was left it ends where the user left', async () => {
    const client = story.client(bob, small);
    await client.sync({ query });
    const two = await story.setTopic(alice, room, 'two');
    await story.sayMany(alice, room, 3);
    await story.leave(bob, room);
    await story.setTopic(alice, room, 'secret');
    const answer = (await client.sync({ query })).room(room, 'leave');
    expect(idsOf(answer[section])).toContain(two);
    expect(contentsOf(answer[section], 'm.room.topic')).toMatchObject({ '': { topic: 'two' } });
    expect(contentsOf(answer[section], 'm.room.member')).toEqual({ [bob.userId]: { membership: 'leave' } });
  });
});
