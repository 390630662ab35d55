import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { RelationStory, relationsOf } from './support/relation-story.ts';

const HOUR_MS = 3_600_000;

let story: RelationStory;
let alice: Session;
let bob: Session;
let room: string;

beforeAll(async () => {
  story = await RelationStory.begin();
  alice = await story.user('alice');
  bob = await story.user('bob');
});

afterAll(() => story.end());

beforeEach(async () => {
  room = await story.room(alice);
  await story.join(bob, room);
});

describe('m.replace', () => {
  test('bundles the whole of the latest valid edit, and leaves the content as it is', async () => {
    const said = await story.say(alice, room, 'helo');
    await story.edit(alice, room, said, 'hello');
    story.world.advance(1);
    const last = await story.edit(alice, room, said, 'hello!');
    expect(await story.bundled(bob, room, said)).toMatchObject({
      'm.replace': {
        event_id: last,
        sender: alice.userId,
        room_id: room,
        type: 'm.room.message',
        content: { 'm.new_content': { body: 'hello!' }, 'm.relates_to': { event_id: said } },
      },
    });
    const event = await story.do(bob, 'GET', `/rooms/${encodeURIComponent(room)}/event/${encodeURIComponent(said)}`);
    expect(event.content).toEqual({ msgtype: 'm.text', body: 'helo' });
  });

  test('of two edits of one instant the greater event ID is the latest', async () => {
    const said = await story.say(alice, room, 'helo');
    const edits = [await story.edit(alice, room, said, 'one'), await story.edit(alice, room, said, 'two')];
    expect(await story.bundled(bob, room, said)).toMatchObject({ 'm.replace': { event_id: edits.sort().at(-1) } });
  });

  test('edits of others, of another type, without new content, of state and of edits are not valid', async () => {
    const said = await story.say(alice, room, 'mine');
    const relation = { rel_type: 'm.replace' };
    await story.edit(bob, room, said, 'not yours');
    await story.relate(alice, room, said, relation);
    await story.relate(alice, room, said, relation, 'm.sticker');
    expect(await story.bundled(bob, room, said)).toBeUndefined();
    const edit = await story.edit(alice, room, said, 'first');
    await story.edit(alice, room, edit, 'an edit of an edit');
    expect(await story.bundled(bob, room, edit)).toBeUndefined();
    expect(await story.bundled(bob, room, said)).toMatchObject({ 'm.replace': { event_id: edit } });
    const topic = await story.setTopic(alice, room, 'Limpets');
    await story.edit(alice, room, topic, 'no');
    expect(await story.bundled(bob, room, topic)).toBeUndefined();
  });

  test('a redacted edit drops out, and a redacted original shows none', async () => {
    const said = await story.say(alice, room, 'zero');
    const first = await story.edit(alice, room, said, 'one');
    story.world.advance(1);
    const second = await story.edit(alice, room, said, 'two');
    await story.redact(alice, room, second);
    expect(await story.bundled(bob, room, said)).toMatchObject({ 'm.replace': { event_id: first } });
    await story.redact(alice, room, said);
    expect(await story.bundled(bob, room, said)).toBeUndefined();
  });

  test('encrypted edits need no new content to be seen', async () => {
    const said = await story.send(alice, room, 'm.room.encrypted', { algorithm: 'm.megolm.v1.aes-sha2' });
    const edit = await story.relate(alice, room, said, { rel_type: 'm.replace' }, 'm.room.encrypted');
    expect(await story.bundled(bob, room, said)).toMatchObject({ 'm.replace': { event_id: edit } });
  });
});

describe('m.thread', () => {
  test('bundles the last event, with its own edits, how many there are, and who took part', async () => {
    const root = await story.say(alice, room, 'root');
    await story.inThread(alice, room, root);
    const last = await story.inThread(alice, room, root, 'lst');
    const edit = await story.edit(alice, room, last, 'last');
    const relations = (await story.bundled(bob, room, root)) as JsonObject;
    expect(relations).toMatchObject({
      'm.thread': { count: 2, current_user_participated: false, latest_event: { event_id: last, room_id: room } },
    });
    const thread = relations['m.thread'] as JsonObject;
    expect(relationsOf(thread.latest_event as JsonObject)).toMatchObject({ 'm.replace': { event_id: edit } });
    expect(await story.bundled(alice, room, root)).toMatchObject({ 'm.thread': { current_user_participated: true } });
    await story.inThread(bob, room, root);
    expect(await story.bundled(bob, room, root)).toMatchObject({
      'm.thread': { count: 3, current_user_participated: true },
    });
  });

  test('redacted events do not count, and a thread of none is gone', async () => {
    const root = await story.say(alice, room, 'root');
    const first = await story.inThread(bob, room, root);
    const second = await story.inThread(bob, room, root);
    await story.redact(bob, room, second);
    expect(await story.bundled(alice, room, root)).toMatchObject({
      'm.thread': { count: 1, latest_event: { event_id: first } },
    });
    await story.redact(bob, room, first);
    await story.redact(bob, room, first);
    expect(await story.bundled(alice, room, root)).toBeUndefined();
  });

  test('ignored users are left out of it', async () => {
    const carol = await story.user(`carol${Math.floor(story.world.clock.nowMs())}`);
    await story.join(carol, room);
    const root = await story.say(alice, room, 'root');
    const kept = await story.inThread(alice, room, root);
    await story.inThread(carol, room, root);
    const other = await story.say(alice, room, 'other');
    await story.inThread(carol, room, other);
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: { [carol.userId]: {} } });
    expect(await story.bundled(bob, room, root)).toMatchObject({
      'm.thread': { count: 1, latest_event: { event_id: kept } },
    });
    expect(await story.bundled(bob, room, other)).toBeUndefined();
    expect(await story.children(bob, room, root)).toEqual([kept]);
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: {} });
    expect(await story.bundled(bob, room, root)).toMatchObject({ 'm.thread': { count: 2 } });
  });
});

test('m.reference bundles the IDs of the first events that refer to it; annotations are not bundled', async () => {
  const said = await story.say(alice, room, 'said');
  await story.react(alice, room, said, '👍');
  expect(await story.bundled(bob, room, said)).toBeUndefined();
  const ids: string[] = [];
  for (let count = 0; count < 52; count += 1) {
    ids.push(await story.relate(bob, room, said, { rel_type: 'm.reference' }, 'm.test'));
  }
  const chunk = ids.slice(0, 50).map((event_id) => ({ event_id }));
  expect(await story.bundled(alice, room, said)).toEqual({ 'm.reference': { chunk } });
  await story.redact(bob, room, ids[0] ?? '');
  const later = ids.slice(1, 51).map((event_id) => ({ event_id }));
  expect(await story.bundled(alice, room, said)).toEqual({ 'm.reference': { chunk: later } });
});

describe('where it is bundled', () => {
  test('/messages, /context and a limited /sync, but not in one that has everything', async () => {
    const said = await story.say(alice, room, 'said');
    const client = story.client(bob, { room: { timeline: { limit: 2 } } });
    await client.sync();
    const edit = await story.edit(alice, room, said, 'edited');
    const bundle = { 'm.replace': { event_id: edit } };
    const whole = (await story.client(bob, { room: { timeline: { limit: 100 } } }).sync()).room(room).timeline;
    expect(whole?.limited).toBe(false);
    expect(relationsOf(whole?.events.find((event) => event.event_id === said))).toBeUndefined();
    const limited = (await story.client(bob, { room: { timeline: { limit: 2 } } }).sync()).room(room).timeline;
    expect(limited?.limited).toBe(true);
    expect(limited?.events.map((event) => event.event_id)).toEqual([said, edit]);
    expect(relationsOf(limited?.events[0])).toMatchObject(bundle);
    const path = `/rooms/${encodeURIComponent(room)}`;
    const messages = await story.do(bob, 'GET', `${path}/messages?dir=b&limit=2`);
    expect(relationsOf((messages.chunk as JsonObject[])[1])).toMatchObject(bundle);
    const context = await story.do(bob, 'GET', `${path}/context/${encodeURIComponent(edit)}?limit=4`);
    expect(relationsOf((context.events_before as JsonObject[])[0])).toMatchObject(bundle);
    const ofIt = await story.do(bob, 'GET', `${path}/context/${encodeURIComponent(said)}`);
    expect(relationsOf(ofIt.event as JsonObject)).toMatchObject(bundle);
  });

  test('sliding sync, where the timeline is limited', async () => {
    const said = await story.say(alice, room, 'said');
    const edit = await story.edit(alice, room, said, 'edited');
    const timelineOf = async (limit: number) => {
      const subscription = { timeline_limit: limit, required_state: [] };
      const path = '/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0';
      const body = { room_subscriptions: { [room]: subscription } };
      const answer = await story.server.ok('POST', path, { token: bob.accessToken, body });
      return (answer.rooms as Record<string, { timeline: JsonObject[] }>)[room]?.timeline ?? [];
    };
    expect(relationsOf((await timelineOf(2))[0])).toMatchObject({ 'm.replace': { event_id: edit } });
    const whole = await timelineOf(50);
    expect(relationsOf(whole.find((event) => event.event_id === said))).toBeUndefined();
  });

  test('C8: events in bundles tell what is left of them, until they have expired', async () => {
    const root = await story.say(alice, room, 'root');
    const query = `?org.matrix.msc4354.sticky_duration_ms=${HOUR_MS}`;
    const content = { msgtype: 'm.text', body: 'sticky', 'm.relates_to': { rel_type: 'm.thread', event_id: root } };
    const path = `/rooms/${encodeURIComponent(room)}/send/m.room.message/sticky-${Math.random()}${query}`;
    await story.do(alice, 'PUT', path, content);
    story.world.advance(1_000);
    const left = { msc4354_sticky_duration_ttl_ms: HOUR_MS - 1_000, sticky_duration_remaining_ms: HOUR_MS - 1_000 };
    expect(await story.bundled(bob, room, root)).toMatchObject({ 'm.thread': { latest_event: { unsigned: left } } });
    story.world.advance(HOUR_MS);
    const relations = (await story.bundled(bob, room, root)) as { 'm.thread': { latest_event: JsonObject } };
    expect(relations['m.thread'].latest_event.unsigned).not.toHaveProperty('msc4354_sticky_duration_ttl_ms');
  });

  test('nothing that the viewer may not see: who left sees what was there then', async () => {
    const root = await story.say(alice, room, 'root');
    const first = await story.inThread(alice, room, root);
    const edit = await story.edit(alice, room, root, 'seen');
    await story.leave(bob, room);
    story.world.advance(1);
    await story.inThread(alice, room, root, 'unseen');
    await story.edit(alice, room, root, 'unseen');
    expect(await story.bundled(bob, room, root)).toMatchObject({
      'm.replace': { event_id: edit },
      'm.thread': { count: 1, latest_event: { event_id: first } },
    });
    expect(await story.children(bob, room, root)).toEqual([edit, first]);
    const late = await story.say(alice, room, 'late');
    expect((await story.get(bob, room, `/relations/${encodeURIComponent(late)}`)).status).toBe(404);
  });

  test('what it costs: nothing in a room without relations, and as much for one event as for many', async () => {
    const quiet = await story.room(alice);
    await story.say(alice, quiet, 'quiet');
    const said: string[] = [];
    for (let count = 0; count < 20; count += 1) said.push(await story.say(alice, room, 'said'));
    for (const id of said) {
      await story.edit(alice, room, id, 'edited');
      await story.inThread(alice, room, id);
    }
    const reads = async (roomId: string, limit: number) => {
      const path = `/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=${limit}`;
      await story.do(alice, 'GET', path);
      const { tally } = story.server.storage;
      const before = tally.reads;
      await story.do(alice, 'GET', path);
      return tally.reads - before;
    };
    const few = await reads(room, 41);
    expect(await reads(room, 60)).toBe(few);
    // Two for what is bundled, the others for who looks.
    expect(few - (await reads(quiet, 41))).toBeLessThanOrEqual(6);
  });
});
