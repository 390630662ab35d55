import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { listOf, SlidingClient } from './support/sliding-client.ts';
import { SyncStory } from './support/sync-story.ts';

let story: SyncStory;
let alice: Session;
let users = 0;

beforeAll(async () => {
  story = await SyncStory.begin();
  alice = await story.user('alice');
});

afterAll(() => story.end());

/** A user with nothing behind him. */
async function newcomer(): Promise<Session> {
  users += 1;
  return story.user(`user${users}`);
}

function client(session: Session, body = {}): SlidingClient {
  return new SlidingClient(story.server, session, body);
}

describe('a room', () => {
  test('comes whole the first time, and then with what is new', async () => {
    const bob = await newcomer();
    const room = await story.room(alice, { preset: 'public_chat', name: 'Reef' });
    await story.join(bob, room);
    const first = await story.say(alice, room, 'first');
    const bobs = client(bob, { lists: { all: listOf(19, 1, { required_state: [['m.room.name', '']] }) } });
    const whole = await bobs.sync();
    expect(whole.count('all')).toBe(1);
    expect(whole.room(room)).toMatchObject({
      ...{ initial: true, name: 'Reef', joined_count: 2, invited_count: 0, limited: true, num_live: 0, is_dm: false },
      ...{ notification_count: 1, highlight_count: 0 },
    });
    expect(whole.timelineIds(room)).toEqual([first]);
    expect(whole.stateOf(room)).toEqual(['m.room.name|']);
    expect((await bobs.sync()).roomIds).toEqual([]);
    const second = await story.say(alice, room, 'second');
    const next = await bobs.sync();
    expect(next.timelineIds(room)).toEqual([second]);
    expect(next.room(room)).toMatchObject({ limited: false, num_live: 1, notification_count: 2 });
    expect(next.room(room)).not.toHaveProperty('initial');
    expect(next.room(room)).not.toHaveProperty('name');
    expect(next.room(room)).not.toHaveProperty('required_state');
  });

  test('has an avatar, and loses both name and avatar', async () => {
    const bob = await newcomer();
    const room = await story.room(bob, { name: 'Reef' });
    await story.setState(bob, room, 'm.room.avatar', { url: 'mxc://test/a' });
    const bobs = client(bob, { lists: { all: listOf(9) } });
    expect((await bobs.sync()).room(room)).toMatchObject({ name: 'Reef', avatar: 'mxc://test/a' });
    await story.setState(bob, room, 'm.room.name', { name: 'Atoll' });
    const renamed = (await bobs.sync()).room(room);
    expect(renamed).toMatchObject({ name: 'Atoll' });
    expect(renamed).not.toHaveProperty('avatar');
    await story.setState(bob, room, 'm.room.name', {});
    await story.setState(bob, room, 'm.room.avatar', {});
    expect((await bobs.sync()).room(room)).toMatchObject({ name: null, avatar: null });
  });

  test('without a name is named after who is there', async () => {
    const bob = await newcomer();
    const room = await story.room(bob, { preset: 'public_chat' });
    const bobs = client(bob, { lists: { all: listOf(9) } });
    expect((await bobs.sync()).room(room)).toMatchObject({ heroes: [], joined_count: 1 });
    await story.join(alice, room);
    const name = { membership: 'join', displayname: 'Alice', avatar_url: 'mxc://test/alice' };
    await story.setState(alice, room, 'm.room.member', name, alice.userId);
    const joined = (await bobs.sync()).room(room);
    const hero = { user_id: alice.userId, displayname: 'Alice', avatar_url: 'mxc://test/alice' };
    expect(joined).toMatchObject({ heroes: [hero], joined_count: 2 });
    await story.say(alice, room, 'hello');
    expect((await bobs.sync()).room(room)).not.toHaveProperty('heroes');
  });

  test('is direct as soon as the account data say so', async () => {
    const bob = await newcomer();
    const room = await story.room(bob, {});
    const bobs = client(bob, { lists: { all: listOf(9) } });
    expect((await bobs.sync()).room(room)).toMatchObject({ is_dm: false });
    await story.setAccountData(bob, 'm.direct', { [alice.userId]: [room] });
    expect((await bobs.sync()).room(room)).toMatchObject({ is_dm: true });
    expect((await bobs.sync()).roomIds).toEqual([]);
  });

  test('counts what is unread, until it is read', async () => {
    const bob = await newcomer();
    const room = await story.room(alice);
    await story.join(bob, room);
    const bobs = client(bob, { lists: { all: listOf(9) } });
    await bobs.sync();
    await story.say(alice, room, 'one');
    const said = await story.say(alice, room, bob.userId);
    expect((await bobs.sync()).room(room)).toMatchObject({ notification_count: 2, highlight_count: 1 });
    await story.read(bob, room, said, { type: 'm.read.private' });
    expect((await bobs.sync()).room(room)).toMatchObject({ notification_count: 0, highlight_count: 0 });
    await story.read(alice, room, said);
    expect((await bobs.sync()).roomIds).toEqual([]);
  });

  test('moves its bump stamp with messages, and not with what else happens', async () => {
    const bob = await newcomer();
    const room = await story.room(bob, {});
    const bobs = client(bob, { lists: { all: listOf(9) } });
    const stamp = async () => Number((await bobs.sync()).room(room).bump_stamp);
    const created = await stamp();
    expect(created).toBeGreaterThan(0);
    await story.setTopic(bob, room, 'fish');
    expect(await stamp()).toBe(created);
    await story.say(bob, room, 'a fish');
    const said = await stamp();
    expect(said).toBeGreaterThan(created);
    await story.send(bob, room, 'org.example', {});
    expect(await stamp()).toBe(said);
  });
});

describe('a timeline', () => {
  test('is limited, and what is missing is found from its prev_batch', async () => {
    const bob = await newcomer();
    const room = await story.room(bob, {});
    const bobs = client(bob, { lists: { all: listOf(9, 3) } });
    await bobs.sync();
    const said = await story.sayMany(bob, room, 8);
    const answer = await bobs.sync();
    expect(answer.timelineIds(room)).toEqual(said.slice(-3));
    expect(answer.room(room)).toMatchObject({ limited: true, num_live: 3 });
    const before = await story.pagesBack(bob, room, String(answer.room(room).prev_batch));
    expect(before.slice(0, 5).map((event) => event.event_id)).toEqual(said.slice(0, 5).reverse());
    const { pos = '' } = bobs;
    await story.say(bob, room, 'later than that');
    const all = await story.pagesBack(bob, room, pos);
    expect(all.slice(0, 8).map((event) => event.event_id)).toEqual(said.toReversed());
  });

  test('is told again when more of it is wanted than was told', async () => {
    const bob = await newcomer();
    const room = await story.room(bob, {});
    const said = await story.sayMany(bob, room, 5);
    const bobs = client(bob, { lists: { all: listOf(9, 1) } });
    expect((await bobs.sync()).timelineIds(room)).toEqual(said.slice(-1));
    bobs.body = { lists: { all: listOf(9, 4) } };
    const expanded = await bobs.sync();
    expect(expanded.timelineIds(room)).toEqual(said.slice(-4));
    expect(expanded.room(room)).toMatchObject({ unstable_expanded_timeline: true, num_live: 0 });
    expect(expanded.room(room)).not.toHaveProperty('initial');
    // Less, and then as much again, of what the client still has: nothing.
    bobs.body = { lists: { all: listOf(9, 1) } };
    expect((await bobs.sync()).roomIds).toEqual([]);
    bobs.body = { lists: { all: listOf(9, 4) } };
    expect((await bobs.sync()).roomIds).toEqual([]);
    // After a gap it has the newest alone.
    bobs.body = { lists: { all: listOf(9, 1) } };
    const more = await story.sayMany(bob, room, 3);
    expect((await bobs.sync()).timelineIds(room)).toEqual(more.slice(-1));
    bobs.body = { lists: { all: listOf(9, 4) } };
    expect((await bobs.sync()).timelineIds(room)).toEqual([...said.slice(-1), ...more]);
  });

  test('of no length brings no events, and state all the same', async () => {
    const bob = await newcomer();
    const room = await story.room(bob, {});
    const bobs = client(bob, { lists: { all: listOf(9, 0, { required_state: [['m.room.topic', '']] }) } });
    expect((await bobs.sync()).room(room)).toMatchObject({ initial: true, timeline: [] });
    await story.setTopic(bob, room, 'fish');
    const answer = await bobs.sync();
    expect(answer.stateOf(room)).toEqual(['m.room.topic|']);
    expect(answer.timelineIds(room)).toEqual([]);
  });

  test('leaves out whom the user ignores, and what he may not see', async () => {
    const [bob, carol] = [await newcomer(), await newcomer()];
    const room = await story.room(alice, {
      preset: 'public_chat',
      initial_state: [{ type: 'm.room.history_visibility', content: { history_visibility: 'joined' } }],
    });
    await story.join(carol, room);
    const hidden = await story.say(alice, room, 'among us');
    await story.join(bob, room);
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: { [carol.userId]: {} } });
    const bobs = client(bob, { lists: { all: listOf(9, 50) } });
    expect((await bobs.sync()).timelineIds(room)).not.toContain(hidden);
    await story.say(carol, room, 'noise');
    const said = await story.say(alice, room, 'signal');
    expect((await bobs.sync()).timelineIds(room)).toEqual([said]);
  });
});

describe('required state', () => {
  const stateOf = async (session: Session, room: string, rules: unknown) => {
    const required_state = rules as string[][];
    return (await client(session, { lists: { all: listOf(9, 0, { required_state }) } }).sync()).stateOf(room);
  };

  test('is what was asked for', async () => {
    const bob = await newcomer();
    const room = await story.room(bob, { preset: 'public_chat', name: 'Reef' });
    await story.join(alice, room);
    await story.setState(bob, room, 'org.example', { n: 1 }, 'one');
    await story.setState(bob, room, 'org.example', { n: 2 }, 'two');
    const all = await stateOf(bob, room, [['*', '*']]);
    expect(all).toEqual(expect.arrayContaining(['m.room.create|', 'org.example|one', `m.room.member|${alice.userId}`]));
    expect(await stateOf(bob, room, [['m.room.name', '']])).toEqual(['m.room.name|']);
    expect(await stateOf(bob, room, [['org.example', '*']])).toEqual(['org.example|one', 'org.example|two']);
    expect(await stateOf(bob, room, [['*', 'two']])).toEqual(['org.example|two']);
    expect(await stateOf(bob, room, [['m.room.member', '$ME']])).toEqual([`m.room.member|${bob.userId}`]);
    expect(
      await stateOf(bob, room, [
        ['m.room.*', ''],
        ['m.none', 'x'],
      ]),
    ).toEqual([]);
    const form = { include: [{}], exclude: [{ type: 'm.room.member' }, { state_key: '' }] };
    expect(await stateOf(bob, room, form)).toEqual(['org.example|one', 'org.example|two']);
  });

  test('is told as it changes, in the timeline or not', async () => {
    const bob = await newcomer();
    const room = await story.room(bob, {});
    const bobs = client(bob, { lists: { all: listOf(9, 1, { required_state: [['m.room.topic', '']] }) } });
    expect((await bobs.sync()).stateOf(room)).toEqual([]);
    await story.setTopic(bob, room, 'fish');
    await story.setTopic(bob, room, 'crabs');
    await story.say(bob, room, 'look');
    const answer = await bobs.sync();
    expect(answer.room(room).required_state).toMatchObject([{ type: 'm.room.topic', content: { topic: 'crabs' } }]);
    await story.setState(bob, room, 'org.example', {});
    expect((await bobs.sync()).stateOf(room)).toEqual([]);
  });

  test('that is asked for later is told at once, without what was told before', async () => {
    const bob = await newcomer();
    const room = await story.room(bob, { name: 'Reef' });
    const rules = (...types: string[]) => ({
      lists: { all: listOf(9, 1, { required_state: types.map((type) => [type, '']) }) },
    });
    const bobs = client(bob, rules('m.room.name'));
    await bobs.sync();
    bobs.body = rules('m.room.name', 'm.room.create');
    const more = await bobs.sync();
    expect(more.stateOf(room)).toEqual(['m.room.create|']);
    expect(more.timelineIds(room)).toEqual([]);
    // Not asked for meanwhile and unchanged: known. Changed meanwhile: told when it is asked for again.
    bobs.body = rules('m.room.create');
    expect((await bobs.sync()).roomIds).toEqual([]);
    bobs.body = rules('m.room.name', 'm.room.create');
    expect((await bobs.sync()).roomIds).toEqual([]);
    bobs.body = rules('m.room.create');
    await story.setState(bob, room, 'm.room.name', { name: 'Atoll' });
    expect((await bobs.sync()).stateOf(room)).toEqual([]);
    bobs.body = rules('m.room.name', 'm.room.create');
    expect((await bobs.sync()).room(room).required_state).toMatchObject([{ content: { name: 'Atoll' } }]);
  });

  test('lists and subscriptions that match a room add up', async () => {
    const bob = await newcomer();
    const room = await story.room(bob, { name: 'Reef' });
    const [first, second] = [await story.say(bob, room, 'first'), await story.say(bob, room, 'second')];
    const lists = { all: listOf(9, 1, { required_state: [['m.room.name', '']] }) };
    const subscription = { timeline_limit: 2, required_state: [['m.room.create', '']] };
    const answer = await client(bob, { lists, room_subscriptions: { [room]: subscription } }).sync();
    expect(answer.stateOf(room)).toEqual(['m.room.create|', 'm.room.name|']);
    expect(answer.timelineIds(room)).toEqual([first, second]);
  });

  test('members are told as they speak, once, and as they change', async () => {
    const [bob, carol, dora] = [await newcomer(), await newcomer(), await newcomer()];
    const room = await story.room(alice);
    for (const user of [bob, carol, dora]) await story.join(user, room);
    await story.say(carol, room, 'I am carol');
    const member = ({ userId }: Session) => `m.room.member|${userId}`;
    const bobs = client(bob, { lists: { all: listOf(9, 1, { required_state: [['m.room.member', '$LAZY']] }) } });
    expect((await bobs.sync()).stateOf(room)).toEqual([member(carol)]);
    await story.say(carol, room, 'again');
    expect((await bobs.sync()).stateOf(room)).toEqual([]);
    await story.say(dora, room, 'and I am dora');
    expect((await bobs.sync()).stateOf(room)).toEqual([member(dora)]);
    await story.leave(carol, room);
    expect((await bobs.sync()).stateOf(room)).toEqual([member(carol)]);
    // After a gap the client starts afresh with who speaks.
    await story.leave(dora, room);
    await story.sayMany(alice, room, 3);
    const gap = await bobs.sync();
    expect(gap.room(room)).toMatchObject({ limited: true });
    expect(gap.stateOf(room)).toEqual([member(alice)]);
  });
});

describe('a user', () => {
  test('who is invited gets stripped state, and the room itself when he has joined', async () => {
    const bob = await newcomer();
    const room = await story.room(alice, { preset: 'private_chat', name: 'Reef' });
    const bobs = client(bob, { lists: { all: listOf(9, 5, { required_state: [['m.room.member', '$ME']] }) } });
    await bobs.sync();
    await story.put(alice, room, 'invite', bob);
    const invited = await bobs.sync();
    expect(invited.room(room)).toMatchObject({ initial: true, bump_stamp: expect.any(Number) });
    expect(invited.room(room).invite_state).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'm.room.name', content: { name: 'Reef' } }),
        expect.objectContaining({ type: 'm.room.member', state_key: bob.userId }),
      ]),
    );
    for (const name of ['timeline', 'required_state', 'name', 'joined_count']) {
      expect(invited.room(room)).not.toHaveProperty(name);
    }
    await story.say(alice, room, 'not for him');
    expect((await bobs.sync()).roomIds).toEqual([]);
    await story.join(bob, room);
    const joined = (await bobs.sync()).room(room);
    expect(joined).toMatchObject({ initial: true, name: 'Reef', joined_count: 2 });
    expect(joined).not.toHaveProperty('invite_state');
  });

  test('who declines an invite is told so', async () => {
    const bob = await newcomer();
    const room = await story.room(alice, { preset: 'private_chat' });
    await story.put(alice, room, 'invite', bob);
    const bobs = client(bob, { lists: { all: listOf(9, 5) } });
    await bobs.sync();
    await story.leave(bob, room);
    const answer = await bobs.sync();
    expect(answer.room(room).required_state).toMatchObject([
      { state_key: bob.userId, content: { membership: 'leave' } },
    ]);
    expect(answer.room(room).timeline).toHaveLength(1);
    const after = await bobs.sync();
    expect([after.roomIds, after.count('all')]).toEqual([[], 0]);
  });

  test('who knocks gets stripped state', async () => {
    const bob = await newcomer();
    const rules = [{ type: 'm.room.join_rules', content: { join_rule: 'knock' } }];
    const room = await story.room(alice, { initial_state: rules });
    await story.do(bob, 'POST', `/knock/${encodeURIComponent(room)}`, {});
    const answer = await client(bob, { lists: { all: listOf(9, 5) } }).sync();
    const own = { type: 'm.room.member', content: { membership: 'knock' } };
    expect(answer.room(room).invite_state).toEqual(expect.arrayContaining([expect.objectContaining(own)]));
  });

  test('who is invited by somebody whom he ignores gets nothing', async () => {
    const bob = await newcomer();
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: { [alice.userId]: {} } });
    await story.put(alice, await story.room(alice), 'invite', bob);
    const answer = await client(bob, { lists: { all: listOf(9, 5) } }).sync();
    expect([answer.roomIds, answer.count('all')]).toEqual([[], 0]);
  });

  test('who leaves gets what happened until then, once; joined again he sees the room anew', async () => {
    const bob = await newcomer();
    const room = await story.room(alice);
    await story.join(bob, room);
    const bobs = client(bob, { lists: { all: listOf(9, 5) } });
    await bobs.sync();
    const said = await story.say(alice, room, 'bye');
    await story.leave(bob, room);
    const unseen = await story.say(alice, room, 'he is gone');
    const left = await bobs.sync();
    expect(left.timelineIds(room)[0]).toBe(said);
    expect(left.room(room).timeline).toMatchObject([{}, { content: { membership: 'leave' } }]);
    expect(left.timelineIds(room)).not.toContain(unseen);
    expect(left.room(room).required_state).toMatchObject([{ state_key: bob.userId, content: { membership: 'leave' } }]);
    const after = await bobs.sync();
    expect([after.roomIds, after.count('all')]).toEqual([[], 0]);
    await story.join(bob, room);
    expect((await bobs.sync()).room(room)).toMatchObject({ initial: true, limited: true });
  });

  test('who left a room and forgot it is told that he left', async () => {
    const bob = await newcomer();
    const room = await story.room(bob, {});
    const bobs = client(bob, { lists: { all: listOf(9, 5) } });
    await bobs.sync();
    await story.leave(bob, room);
    await story.forget(bob, room);
    expect((await bobs.sync()).room(room).required_state).toMatchObject([{ content: { membership: 'leave' } }]);
    expect((await bobs.sync()).count('all')).toBe(0);
  });

  test('who was put out finds the room on new connections too, and nothing of what came after', async () => {
    const bob = await newcomer();
    const room = await story.room(alice, { preset: 'public_chat', name: 'Reef' });
    await story.join(bob, room);
    const lists = { all: listOf(9, 5, { required_state: [['m.room.name', '']] }) };
    const bobs = client(bob, { lists });
    await bobs.sync();
    await story.put(alice, room, 'ban', bob);
    const unseen = await story.say(alice, room, 'among us');
    await story.setState(alice, room, 'm.room.name', { name: 'Without bob' });
    const banned = await bobs.sync();
    expect(banned.room(room).timeline).toMatchObject([{ content: { membership: 'ban' } }]);
    const after = await bobs.sync();
    expect([after.roomIds, after.count('all')]).toEqual([[], 1]);
    const anew = await client(bob, { lists, conn_id: 'other' }).sync();
    expect(anew.timelineIds(room)).not.toContain(unseen);
    expect(anew.room(room)).toMatchObject({ initial: true });
    expect(anew.room(room).required_state).toEqual(
      expect.arrayContaining([expect.objectContaining({ type: 'm.room.name', content: { name: 'Reef' } })]),
    );
  });

  test('who was banned before he was ever there finds nothing', async () => {
    const bob = await newcomer();
    await story.put(alice, await story.room(alice), 'ban', bob);
    expect((await client(bob, { lists: { all: listOf(9) } }).sync()).count('all')).toBe(0);
  });

  test('who subscribes to a room of others gets nothing of it', async () => {
    const bob = await newcomer();
    const room = await story.room(alice, { preset: 'public_chat' });
    const body = { room_subscriptions: { [room]: { timeline_limit: 5 }, '!nowhere:test': {}, nonsense: {} } };
    expect((await client(bob, body).sync()).rooms).toEqual({});
  });
});
