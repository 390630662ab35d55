import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { RelationStory, relationsOf } from './support/relation-story.ts';

interface Answer {
  readonly count: number;
  readonly highlights: string[];
  readonly results: { rank: number; result: JsonObject; context?: JsonObject }[];
  readonly state?: Record<string, JsonObject[]>;
  readonly groups?: Record<string, Record<string, { order: number; results: string[]; next_batch?: string }>>;
  readonly next_batch?: string;
}

let story: RelationStory;
let alice: Session;
let bob: Session;
let room: string;

beforeAll(async () => {
  story = await RelationStory.begin();
  alice = await story.user('alice');
  bob = await story.user('bob');
  const profile = `/profile/${encodeURIComponent(alice.userId)}/displayname`;
  await story.do(alice, 'PUT', profile, { displayname: 'Alice' });
});

afterAll(() => story.end());

beforeEach(async () => {
  room = await story.room(alice);
  await story.join(bob, room);
});

async function search(session: Session, term: string, criteria: JsonObject = {}, token?: string): Promise<Answer> {
  const query = token === undefined ? '' : `?next_batch=${token}`;
  const roomEvents = { search_term: term, order_by: 'recent', ...criteria };
  const body = await story.do(session, 'POST', `/search${query}`, { search_categories: { room_events: roomEvents } });
  return (body.search_categories as JsonObject).room_events as unknown as Answer;
}

async function found(session: Session, term: string, criteria: JsonObject = {}): Promise<unknown[]> {
  return (await search(session, term, criteria)).results.map(({ result }) => result.event_id);
}

/** In the room of this test alone: the other tests say much the same. */
const here = (filter: JsonObject = {}) => ({ filter: { rooms: [room], ...filter } });

describe('what is found', () => {
  test('words in messages, names and topics, whatever their case, accents and endings', async () => {
    const said = await story.say(alice, room, 'Limpets cling to the rock at the CAFÉ');
    const name = await story.setState(alice, room, 'm.room.name', { name: 'The limpet room' });
    const topic = await story.setState(alice, room, 'm.room.topic', {
      topic: 'plain',
      'm.topic': { 'm.text': [{ body: 'On limpets' }, { mimetype: 'text/html', body: '<b>bold</b>' }] },
    });
    await story.send(alice, room, 'm.test', { body: 'limpet' });
    expect(await found(bob, 'limpet', here())).toEqual([topic, name, said]);
    expect(await found(bob, 'LIMPETS cafe', here())).toEqual([said]);
    expect(await found(bob, 'rock limpet', here())).toEqual([said]);
    expect(await found(bob, 'rock mussel', here())).toEqual([]);
    expect(await found(bob, 'bold', here())).toEqual([]);
    // Two letters are a word and no beginning of one.
    expect(await found(bob, 'li', here())).toEqual([]);
    expect(await found(bob, 'limpet', { ...here(), keys: ['content.name'] })).toEqual([name]);
    expect(await found(bob, 'limpet', { ...here(), keys: ['content.body', 'content.topic'] })).toEqual([topic, said]);
    expect(await found(bob, 'limpet', here({ types: ['m.room.message'] }))).toEqual([said]);
    expect((await search(bob, 'limp', here())).highlights.sort()).toEqual(['limpet', 'limpets']);
  });

  test('what was sent this moment, and writing without spaces', async () => {
    const said = await story.say(alice, room, '海の家で会いましょう');
    expect(await found(bob, '家', here())).toEqual([said]);
    expect(await found(bob, '海 家', here())).toEqual([said]);
    expect(await found(bob, '山', here())).toEqual([]);
  });

  test('by rank what says it more, and says less else; by age what came last', async () => {
    const once = await story.say(alice, room, `a whelk and ${'much else '.repeat(20)}`);
    const often = await story.say(alice, room, 'whelk, whelk!');
    story.world.advance(1_000);
    const last = await story.say(alice, room, 'one whelk more');
    expect(await found(bob, 'whelk', { ...here(), order_by: 'recent' })).toEqual([last, often, once]);
    const ranked = await search(bob, 'whelk', { ...here(), order_by: 'rank' });
    expect(ranked.results.map(({ result }) => result.event_id)).toEqual([often, last, once]);
    const ranks = ranked.results.map(({ rank }) => rank);
    expect(ranks).toEqual(ranks.toSorted((left, right) => right - left));
  });

  test('filters: senders, URLs, and what relates to it', async () => {
    const ofAlice = await story.say(alice, room, 'cockle', { url: 'mxc://localhost/x' });
    const ofBob = await story.say(bob, room, 'cockle');
    await story.react(bob, room, ofAlice, '👍');
    expect(await found(bob, 'cockle', here({ senders: [bob.userId] }))).toEqual([ofBob]);
    expect(await found(bob, 'cockle', here({ contains_url: true }))).toEqual([ofAlice]);
    expect(await found(bob, 'cockle', here({ related_by_rel_types: ['m.annotation'] }))).toEqual([ofAlice]);
    expect(await found(bob, 'cockle', here({ related_by_senders: [alice.userId] }))).toEqual([]);
    expect(await found(bob, 'cockle', { filter: { not_rooms: [room] } })).not.toContain(ofBob);
  });
});

describe('what is not found', () => {
  test('redacted events, at once, and what is redacted before it is indexed', async () => {
    const indexed = await story.say(alice, room, 'barnacle');
    expect(await found(bob, 'barnacle', here())).toEqual([indexed]);
    const other = await story.say(alice, room, 'barnacle');
    await story.redact(alice, room, indexed);
    await story.redact(alice, room, other);
    expect(await found(bob, 'barnacle', here())).toEqual([]);
  });

  test('rooms that are encrypted, rooms of others, forgotten rooms, ignored users', async () => {
    const said = await story.say(alice, room, 'periwinkle');
    const carol = await story.user('carol');
    expect(await found(carol, 'periwinkle')).toEqual([]);
    expect(await found(carol, 'periwinkle', here())).toEqual([]);
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: { [alice.userId]: {} } });
    expect(await found(bob, 'periwinkle', here())).toEqual([]);
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: {} });
    await story.leave(bob, room);
    expect(await found(bob, 'periwinkle', here())).toEqual([said]);
    await story.forget(bob, room);
    expect(await found(bob, 'periwinkle', here())).toEqual([]);
    await story.setState(alice, room, 'm.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' });
    expect(await found(alice, 'periwinkle', here())).toEqual([]);
  });

  test('what the user may not see; C7: sticky events are seen while they are', async () => {
    await story.setState(alice, room, 'm.room.history_visibility', { history_visibility: 'joined' });
    await story.leave(bob, room);
    await story.say(alice, room, 'oyster while away');
    const path = `/rooms/${encodeURIComponent(room)}/send/m.room.message/o${Math.random()}`;
    const query = '?org.matrix.msc4354.sticky_duration_ms=60000';
    const content = { msgtype: 'm.text', body: 'sticky oyster' };
    const { event_id: sticky } = await story.do(alice, 'PUT', `${path}${query}`, content);
    expect(await found(bob, 'oyster', here())).toEqual([]);
    await story.join(bob, room);
    const seen = await search(bob, 'oyster', here());
    expect(seen.results.map(({ result }) => result.event_id)).toEqual([sticky]);
    // C8.
    expect(seen.results[0]?.result.unsigned).toMatchObject({ msc4354_sticky_duration_ttl_ms: 60_000 });
    story.world.advance(60_000);
    expect(await found(bob, 'oyster', here())).toEqual([]);
  });
});

describe('what comes with it', () => {
  test('context with profiles, and the state of the rooms', async () => {
    const before = await story.say(bob, room, 'before');
    const said = await story.say(alice, room, 'scallop');
    const after = await story.say(bob, room, 'after');
    const edit = await story.edit(alice, room, said, 'no more of it');
    const context = { before_limit: 1, after_limit: 1, include_profile: true };
    const answer = await search(bob, 'scallop', { ...here(), event_context: context, include_state: true });
    const [result] = answer.results;
    expect(answer.results).toHaveLength(1);
    expect(relationsOf(result?.result)).toMatchObject({ 'm.replace': { event_id: edit } });
    expect(result?.context).toMatchObject({
      events_before: [{ event_id: before }],
      events_after: [{ event_id: after }],
      profile_info: { [alice.userId]: { displayname: 'Alice' }, [bob.userId]: {} },
    });
    const path = `/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=1&from=${result?.context?.start}`;
    const older = (await story.do(bob, 'GET', path)).chunk as JsonObject[];
    expect(older.map((event) => event.event_id)).not.toContain(before);
    expect(answer.state?.[room]?.map((event) => event.type)).toContain('m.room.power_levels');
    expect((await search(bob, 'scallop', here())).results[0]).not.toHaveProperty('context');
  });

  test('groups and pages, each result once', async () => {
    const other = await story.room(alice);
    const ids: string[] = [];
    for (let count = 0; count < 12; count += 1) {
      story.world.advance(1);
      ids.push(await story.say(alice, count % 3 === 0 ? other : room, `mussel ${count}`));
    }
    const filter = { rooms: [room, other], limit: 5 };
    const criteria = { filter, groupings: { group_by: [{ key: 'room_id' }, { key: 'sender' }] } };
    const given: unknown[] = [];
    const first = await search(alice, 'mussel', criteria);
    for (let answer = first, pages = 1; ; pages += 1) {
      given.push(...answer.results.map(({ result }) => result.event_id));
      expect(answer.count).toBe(12);
      if (answer.next_batch === undefined || pages > 5) break;
      answer = await search(alice, 'mussel', criteria, answer.next_batch);
    }
    expect(given).toEqual(ids.toReversed());
    const groups = first.groups?.room_id ?? {};
    expect(Object.keys(groups).sort()).toEqual([other, room].sort());
    expect(Object.values(groups).flatMap((group) => group.results)).toHaveLength(5);
    expect(first.groups?.sender?.[alice.userId]?.results).toEqual(ids.toReversed().slice(0, 5));
    const ofOther = ids.filter((_, index) => index % 3 === 0).toReversed();
    const next = await search(alice, 'mussel', criteria, groups[other]?.next_batch);
    const begun = groups[other]?.results ?? [];
    expect([...begun, ...next.results.map(({ result }) => result.event_id)]).toEqual(ofOther);
  });

  test('rooms that were replaced are searched with their successors', async () => {
    const said = await story.say(bob, room, 'abalone');
    const successor = await story.room(alice, {
      preset: 'public_chat',
      creation_content: { predecessor: { room_id: room, event_id: said } },
    });
    await story.join(bob, successor);
    expect(await found(bob, 'abalone', { filter: { rooms: [successor] } })).toEqual([said]);
    expect(await found(bob, 'abalone', { filter: { rooms: [successor], not_rooms: [room] } })).toEqual([]);
  });
});

describe('bad input', () => {
  test('terms that databases would take for something else find words, or nothing', async () => {
    const said = await story.say(alice, room, 'nudibranch or not');
    const odd = [
      '"nudibranch"',
      'nudibranch*',
      "nudibranch'); drop table events; --",
      '(nudibranch',
      'NUDIBRANCH NEAR',
    ];
    for (const term of odd.slice(0, 2)) expect(await found(bob, term, here())).toEqual([said]);
    expect(await found(bob, '(nudibranch', here())).toEqual([said]);
    for (const term of [...odd, 'words:nudibranch', '-nudibranch', 'a & b | !c', ':*', '\u0000', '\\', '🦪', '']) {
      expect(await found(bob, term, here())).toBeInstanceOf(Array);
    }
    expect(await found(bob, `${'x'.repeat(500)} `.repeat(15), here())).toEqual([]);
    expect(await found(bob, Array.from({ length: 500 }, (_, word) => `w${word}`).join(' '), here())).toEqual([]);
    await story.say(alice, room, `zqroom1 '" : & | ! <-> * ( ) \\ \u0000 ${'y'.repeat(30_000)} nudibranch`);
    expect(await found(bob, 'y'.repeat(64), here())).toHaveLength(1);
  });

  test('what is wrong is said', async () => {
    const errcode = async (roomEvents: JsonObject, query = '') => {
      const body = { search_categories: { room_events: roomEvents } };
      return (await story.ask(bob, 'POST', `/search${query}`, body)).body.errcode;
    };
    const term = { search_term: 'x' };
    expect(await errcode({})).toBe('M_MISSING_PARAM');
    expect(await errcode({ search_term: 5 })).toBe('M_BAD_JSON');
    // A value of the right type that is none of those allowed.
    const outside = [
      { search_term: 'x'.repeat(10_001) },
      { ...term, keys: ['content.url'] },
      { ...term, order_by: 'age' },
      { ...term, groupings: { group_by: [{ key: 'type' }] } },
      { ...term, event_context: { before_limit: -1 } },
    ];
    for (const criteria of outside) expect(await errcode(criteria)).toBe('M_INVALID_PARAM');
    expect(await errcode({ ...term, filter: { limit: 'x' } })).toBe('M_BAD_JSON');
    for (const token of ['x', 'q1_x_1_1_1', `q1_${story.server.storage.databaseTag}_1_1`]) {
      expect(await errcode(term, `?next_batch=${token}`)).toBe('M_INVALID_PARAM');
    }
    expect((await story.ask(bob, 'POST', '/search', {})).status).toBe(400);
    expect(await story.do(bob, 'POST', '/search', { search_categories: {} })).toEqual({ search_categories: {} });
  });
});

test('finds what was said before a restart, and after it', async () => {
  const before = await story.say(alice, room, 'quahog before');
  story.world.advance(1_000);
  await story.restart();
  const after = await story.say(alice, room, 'quahog after');
  expect(await found(bob, 'quahog', here())).toEqual([after, before]);
});
