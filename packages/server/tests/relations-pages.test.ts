import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { RelationStory, relationsOf } from './support/relation-story.ts';

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

/** All pages one after the other. */
async function walk(path: string): Promise<{ ids: JsonValue[]; pages: number }> {
  const ids: JsonValue[] = [];
  let from = '';
  for (let pages = 1; ; pages += 1) {
    const { status, body, text } = await story.get(bob, room, `${path}${from}`);
    if (status !== 200 || pages > 30) throw new Error(`Page ${pages} answered ${status}: ${text}`);
    ids.push(...(body.chunk as JsonObject[]).map((event) => event.event_id ?? null));
    if (body.next_batch === undefined) return { ids, pages };
    from = `&from=${body.next_batch}`;
  }
}

describe('/relations', () => {
  test('gives the children, the newest first, of one kind and type where asked', async () => {
    const said = await story.say(alice, room, 'said');
    const thumb = await story.react(bob, room, said, '👍');
    const edit = await story.edit(alice, room, said, 'edited');
    const other = await story.relate(bob, room, said, { rel_type: 'm.annotation', key: 'x' }, 'm.test');
    await story.say(alice, room, 'a reply', { 'm.relates_to': { 'm.in_reply_to': { event_id: said } } });
    expect(await story.children(bob, room, said)).toEqual([other, edit, thumb]);
    expect(await story.children(bob, room, said, '?dir=f')).toEqual([thumb, edit, other]);
    expect(await story.children(bob, room, said, '/m.annotation')).toEqual([other, thumb]);
    expect(await story.children(bob, room, said, '/m.annotation/m.reaction')).toEqual([thumb]);
    expect(await story.children(bob, room, said, '/m.nothing')).toEqual([]);
    const { body } = await story.get(bob, room, `/relations/${encodeURIComponent(said)}`, 'unstable');
    expect((body.chunk as JsonObject[])[0]).toMatchObject({ event_id: other, room_id: room });
    expect(body).not.toHaveProperty('recursion_depth');
    expect(body).not.toHaveProperty('next_batch');
    expect(body).not.toHaveProperty('prev_batch');
  });

  test('in pages, either way, up to a place, with tokens of its own, of /messages and of /sync', async () => {
    const root = await story.say(alice, room, 'root');
    const ids: string[] = [];
    for (let count = 0; count < 7; count += 1) ids.push(await story.inThread(bob, room, root));
    const path = `/relations/${encodeURIComponent(root)}`;
    expect(await walk(`${path}?limit=3`)).toEqual({ ids: ids.toReversed(), pages: 3 });
    expect(await walk(`${path}/m.thread?limit=3&dir=f`)).toEqual({ ids, pages: 3 });
    expect(await walk(`${path}?limit=7`)).toEqual({ ids: ids.toReversed(), pages: 1 });
    const client = story.client(bob);
    await client.sync();
    const later = await story.inThread(bob, room, root);
    expect(await story.children(bob, room, root, `?limit=1&from=${client.since}`)).toEqual(ids.slice(-1));
    expect(await story.children(bob, room, root, `?to=${client.since}`)).toEqual([later]);
    expect(await story.children(bob, room, root, `?dir=f&from=${client.since}`)).toEqual([later]);
    const messages = await story.do(bob, 'GET', `/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=2`);
    expect(await story.children(bob, room, root, `?limit=2&from=${messages.end}`)).toEqual(ids.slice(4, 6).reverse());
    const { body } = await story.get(bob, room, `${path}?limit=2&from=${client.since}`);
    expect(body.prev_batch).toBe(client.since);
  });

  test('recurse gives children of children, to the third generation', async () => {
    const root = await story.say(alice, room, 'root');
    const inThread = await story.inThread(bob, room, root);
    const edit = await story.edit(bob, room, inThread, 'edited');
    const reaction = await story.react(alice, room, edit, '👍');
    await story.relate(alice, room, reaction, { rel_type: 'm.reference' }, 'm.test');
    const thumb = await story.react(alice, room, inThread, '👍');
    expect(await story.children(bob, room, root)).toEqual([inThread]);
    const all = [thumb, reaction, edit, inThread];
    expect(await story.children(bob, room, root, '?recurse=true')).toEqual(all);
    expect(await story.children(bob, room, root, '?recurse=true&dir=f&limit=3')).toEqual(all.toReversed().slice(0, 3));
    expect(await walk(`/relations/${encodeURIComponent(root)}?recurse=true&limit=1`)).toMatchObject({ ids: all });
    // What comes between has to be of that kind, too.
    expect(await story.children(bob, room, root, '/m.thread?recurse=true')).toEqual([inThread]);
    const path = `/relations/${encodeURIComponent(root)}`;
    expect((await story.get(bob, room, `${path}?recurse=true`)).body.recursion_depth).toBe(3);
    expect((await story.get(bob, room, `${path}?org.matrix.msc3981.recurse=true`)).body.chunk).toHaveLength(4);
    expect((await story.get(bob, room, `${path}?recurse=false`)).body.recursion_depth).toBe(1);
  });

  test('a redacted child relates no more, those of a redacted parent do', async () => {
    const said = await story.say(alice, room, 'said');
    const [first, second] = [await story.react(bob, room, said, '1'), await story.react(bob, room, said, '2')];
    await story.redact(bob, room, first);
    expect(await story.children(bob, room, said)).toEqual([second]);
    await story.redact(alice, room, said);
    expect(await story.children(bob, room, said)).toEqual([second]);
  });

  test('C7: a child that is still sticky is seen by who joined later, as long as it is', async () => {
    await story.setState(alice, room, 'm.room.history_visibility', { history_visibility: 'joined' });
    const carol = await story.user('carol');
    const hidden = await story.say(alice, room, 'hidden');
    const send = (body: JsonObject, query: string) =>
      story.do(alice, 'PUT', `/rooms/${encodeURIComponent(room)}/send/m.test/${Math.random()}${query}`, body);
    const sticky = '?org.matrix.msc4354.sticky_duration_ms=60000';
    const parent = String((await send({}, sticky)).event_id);
    const relation = { 'm.relates_to': { rel_type: 'm.reference', event_id: parent } };
    const child = String((await send(relation, sticky)).event_id);
    await send(relation, '');
    await story.join(carol, room);
    expect(await story.children(carol, room, parent)).toEqual([child]);
    expect((await story.get(carol, room, `/relations/${encodeURIComponent(hidden)}`)).status).toBe(404);
    story.world.advance(60_000);
    expect((await story.get(carol, room, `/relations/${encodeURIComponent(parent)}`)).body.errcode).toBe('M_NOT_FOUND');
  });

  test('what is wrong is said', async () => {
    const said = await story.say(alice, room, 'said');
    const path = `/relations/${encodeURIComponent(said)}`;
    const errcode = async (rest: string) => (await story.get(bob, room, rest)).body.errcode;
    expect(await errcode('/relations/%24nothing')).toBe('M_NOT_FOUND');
    expect(await errcode('/relations/nothing')).toBe('M_INVALID_PARAM');
    for (const query of ['from=x', 'to=t1_x_1', 'limit=0', 'limit=-1', 'limit=x', 'dir=x', 'recurse=maybe']) {
      expect([query, await errcode(`${path}?${query}`)]).toEqual([query, 'M_INVALID_PARAM']);
    }
    const dan = await story.user('dan');
    expect((await story.get(dan, room, path)).body.errcode).toBe('M_NOT_FOUND');
    expect((await story.get(dan, room, '/threads')).body.errcode).toBe('M_FORBIDDEN');
    expect((await story.get(bob, '!nowhere:localhost', path)).body.errcode).toBe('M_NOT_FOUND');
    for (const query of ['from=x', 'limit=0', 'include=x']) {
      expect([query, await errcode(`/threads?${query}`)]).toEqual([query, 'M_INVALID_PARAM']);
    }
  });
});

describe('/threads', () => {
  test('gives the roots, the thread with the latest event first, with bundles, in pages', async () => {
    const roots: string[] = [];
    for (let count = 0; count < 5; count += 1) roots.push(await story.say(alice, room, `root ${count}`));
    for (const root of roots) await story.inThread(alice, room, root);
    const [first = '', second = ''] = roots;
    const last = await story.inThread(bob, room, first);
    const order = [first, ...roots.slice(1).reverse()];
    expect(await walk('/threads?limit=2')).toEqual({ ids: order, pages: 3 });
    expect(await walk('/threads?include=participated')).toEqual({ ids: [first], pages: 1 });
    const { body } = await story.get(bob, room, '/threads?limit=1');
    expect(relationsOf((body.chunk as JsonObject[])[0])).toMatchObject({
      'm.thread': { count: 2, current_user_participated: true, latest_event: { event_id: last } },
    });
    const own = (await story.get(alice, room, '/threads?include=participated')).body.chunk;
    expect(own).toHaveLength(5);
    await story.redact(bob, room, last);
    expect((await walk('/threads')).ids).toEqual(roots.toReversed());
    expect((await walk('/threads?include=participated')).ids).toEqual([]);
    expect((await story.get(bob, room, '/threads?include=all', 'unstable/org.matrix.msc3856')).status).toBe(200);
    await story.leave(bob, room);
    await story.inThread(alice, room, second);
    const late = await story.say(alice, room, 'late');
    await story.inThread(alice, room, late);
    expect(new Set((await walk('/threads')).ids)).toEqual(new Set(roots));
  });

  test('a root of an ignored user is given as redacted', async () => {
    const eve = await story.user('eve');
    await story.join(eve, room);
    const root = await story.say(eve, room, 'root');
    await story.edit(eve, room, root, 'edited');
    const said = await story.inThread(alice, room, root);
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: { [eve.userId]: {} } });
    const { body } = await story.get(bob, room, '/threads');
    const [given] = body.chunk as JsonObject[];
    expect(given).toMatchObject({ event_id: root, content: {} });
    expect(relationsOf(given)).toMatchObject({ 'm.thread': { latest_event: { event_id: said } } });
    expect(relationsOf(given)).not.toHaveProperty('m.replace');
    expect(await story.children(bob, room, root)).toEqual([said]);
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: {} });
  });
});

describe('what clients may send', () => {
  test('M_DUPLICATE_ANNOTATION for the same annotation again, until the first is redacted, and in a race', async () => {
    const said = await story.say(alice, room, 'said');
    const send = (session: Session, key: string, type = 'm.reaction') =>
      story.ask(session, 'PUT', `/rooms/${encodeURIComponent(room)}/send/${type}/d${Math.random()}`, {
        'm.relates_to': { rel_type: 'm.annotation', event_id: said, key },
      });
    const answers = await Promise.all([send(bob, '👍'), send(bob, '👍'), send(bob, '👍')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400]);
    const first = answers.find(({ status }) => status === 200)?.body.event_id;
    expect((await send(bob, '👍')).body.errcode).toBe('M_DUPLICATE_ANNOTATION');
    const long = 'x'.repeat(200);
    const others = await Promise.all([
      send(alice, '👍'),
      send(bob, '👎'),
      send(bob, '👍', 'm.test'),
      send(bob, `${long}1`),
      send(bob, `${long}2`),
    ]);
    expect(others.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect((await send(bob, `${long}1`)).body.errcode).toBe('M_DUPLICATE_ANNOTATION');
    await story.redact(bob, room, String(first));
    expect((await send(bob, '👍')).status).toBe(200);
  });

  test('B2: a repeated annotation gets the event ID of the first, also after a restart', async () => {
    const said = await story.say(alice, room, 'said');
    const path = `/rooms/${encodeURIComponent(room)}/send/m.reaction/again`;
    const content = { 'm.relates_to': { rel_type: 'm.annotation', event_id: said, key: '👍' } };
    const { event_id: first } = await story.do(bob, 'PUT', path, content);
    expect(await story.do(bob, 'PUT', path, content)).toEqual({ event_id: first });
    // Rooms that are made at the same instant would be the same rooms.
    story.world.advance(1_000);
    await story.restart();
    expect(await story.do(bob, 'PUT', path, content)).toEqual({ event_id: first });
  });

  test('no thread begins within another relation, while one does at a reply', async () => {
    const root = await story.say(alice, room, 'root');
    const inThread = await story.inThread(bob, room, root);
    const reply = await story.say(bob, room, 'reply', { 'm.relates_to': { 'm.in_reply_to': { event_id: root } } });
    const path = `/rooms/${encodeURIComponent(room)}/send/m.room.message/t${Math.random()}`;
    const within = await story.ask(bob, 'PUT', path, { 'm.relates_to': { rel_type: 'm.thread', event_id: inThread } });
    expect([within.status, within.body.errcode]).toEqual([400, 'M_UNKNOWN']);
    await story.inThread(bob, room, reply);
    await story.inThread(bob, room, '$unknown');
  });

  test('what is too long to be indexed, or no relation, is sent as it is', async () => {
    const said = await story.say(alice, room, 'said');
    await story.relate(bob, room, said, { rel_type: 'x'.repeat(10_000) });
    await story.relate(bob, room, said, { rel_type: '\u0000' });
    await story.relate(bob, room, said, { rel_type: 5 });
    await story.say(bob, room, 'x', { 'm.relates_to': 'x' });
    expect(await story.children(bob, room, said)).toHaveLength(1);
    expect(await story.children(bob, room, said, '/%00')).toHaveLength(1);
  });
});

test('threads are counted apart in unread_thread_notifications, as the bundle counts them', async () => {
  const client = story.client(bob, { room: { timeline: { unread_thread_notifications: true } } });
  await client.sync();
  const root = await story.say(alice, room, 'root');
  await story.inThread(alice, room, root);
  const reply = await story.inThread(alice, room, root);
  await story.react(alice, room, reply, '👍');
  const answer = (await client.sync()).room(room);
  expect(answer.unread_thread_notifications).toEqual({ [root]: { notification_count: 2, highlight_count: 0 } });
  expect(await story.bundled(bob, room, root)).toMatchObject({ 'm.thread': { count: 2 } });
});

test('filters by what relates to an event, under the names of today and of MSC3440', async () => {
  const [first, second] = [await story.say(alice, room, 'first'), await story.say(alice, room, 'second')];
  await story.react(bob, room, first, '👍');
  await story.inThread(alice, room, first);
  await story.inThread(alice, room, second);
  const found = async (filter: JsonObject) => {
    const query = `dir=b&limit=50&filter=${encodeURIComponent(JSON.stringify(filter))}`;
    const { chunk } = await story.do(bob, 'GET', `/rooms/${encodeURIComponent(room)}/messages?${query}`);
    return (chunk as JsonObject[]).map((event) => event.event_id);
  };
  expect(await found({ related_by_rel_types: ['m.thread'] })).toEqual([second, first]);
  expect(await found({ 'io.element.relation_types': ['m.thread'] })).toEqual([second, first]);
  expect(await found({ related_by_rel_types: ['m.annotation', 'm.x'] })).toEqual([first]);
  expect(await found({ related_by_senders: [bob.userId] })).toEqual([first]);
  expect(await found({ 'io.element.relation_senders': [alice.userId] })).toEqual([second, first]);
  expect(await found({ related_by_senders: [bob.userId], related_by_rel_types: ['m.thread'] })).toEqual([]);
  expect(await found({ related_by_rel_types: [] })).toEqual([]);
  expect(await found({ related_by_rel_types: ['m.thread'], senders: [bob.userId] })).toEqual([]);
  const filter = { room: { timeline: { related_by_rel_types: ['m.thread'] } } };
  expect((await story.client(bob, filter).sync()).timelineIds(room)).toEqual([first, second]);
  const wrong = encodeURIComponent(JSON.stringify({ related_by_senders: ['bob'] }));
  const refused = await story.ask(bob, 'GET', `/rooms/${encodeURIComponent(room)}/messages?dir=b&filter=${wrong}`);
  expect(refused.body.errcode).toBe('M_BAD_JSON');
});
