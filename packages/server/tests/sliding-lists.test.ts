import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { listOf, SlidingClient } from './support/sliding-client.ts';
import { SyncStory } from './support/sync-story.ts';

const EVERYTHING = 1_000;

let story: SyncStory;
let alice: Session;
let bob: Session;
/** Bob's rooms, by what they are. */
let rooms: Record<'plain' | 'encrypted' | 'direct' | 'space' | 'child' | 'tagged' | 'invited', string>;

beforeAll(async () => {
  story = await SyncStory.begin();
  [alice, bob] = [await story.user('alice'), await story.user('bob')];
  const encryption = {
    initial_state: [{ type: 'm.room.encryption', content: { algorithm: 'm.megolm.v1.aes-sha2' } }],
  };
  rooms = {
    plain: await story.room(bob, { name: 'Coral Reef' }),
    encrypted: await story.room(bob, encryption),
    direct: await story.room(bob, {}),
    space: await story.room(bob, { creation_content: { type: 'm.space' } }),
    child: await story.room(bob, {}),
    tagged: await story.room(bob, {}),
    invited: await story.room(alice, { preset: 'private_chat', name: 'Abyss' }),
  };
  await story.put(alice, rooms.invited, 'invite', bob);
  await story.setState(bob, rooms.space, 'm.space.child', { via: ['test'] }, rooms.child);
  await story.setState(bob, rooms.space, 'm.space.child', {}, rooms.plain);
  await story.setAccountData(bob, 'm.direct', { [alice.userId]: [rooms.direct] });
  const tag = `/user/${encodeURIComponent(bob.userId)}/rooms/${encodeURIComponent(rooms.tagged)}/tags/m.favourite`;
  await story.do(bob, 'PUT', tag, {});
});

afterAll(() => story.end());

function client(session: Session, body: JsonObject): SlidingClient {
  return new SlidingClient(story.server, session, body);
}

/** The names of the rooms that a list with these filters has. */
async function filtered(filters: JsonObject): Promise<string[]> {
  const answer = await client(bob, { lists: { some: listOf(EVERYTHING, 1, { filters }) } }).sync();
  expect(answer.count('some')).toBe(answer.roomIds.length);
  const names = Object.entries(rooms).map(([name, roomId]) => [roomId, name]);
  return answer.roomIds.map((roomId) => String(Object.fromEntries(names)[roomId])).sort();
}

describe('a list lets pass', () => {
  const joined = ['child', 'direct', 'encrypted', 'plain', 'space', 'tagged'];
  const without = (...names: string[]) => [...joined, 'invited'].sort().filter((name) => !names.includes(name));

  test.each<[string, JsonObject, string[]]>([
    ['everything, without filters', {}, without()],
    ['direct rooms', { is_dm: true }, ['direct']],
    ['rooms that are not direct', { is_dm: false }, without('direct')],
    ['encrypted rooms', { is_encrypted: true }, ['encrypted']],
    ['rooms that are not', { is_encrypted: false }, without('encrypted')],
    ['invites', { is_invite: true }, ['invited']],
    ['invites, by the name in the proposal', { is_invited: true }, ['invited']],
    ['no invites', { is_invite: false }, joined],
    ['spaces', { room_types: ['m.space'] }, ['space']],
    ['rooms without a type', { room_types: [null] }, without('space')],
    ['rooms that are no spaces', { not_room_types: ['m.space'] }, without('space')],
    ['nothing, where both say it', { room_types: ['m.space'], not_room_types: ['m.space'] }, []],
    ['rooms with a tag', { tags: ['m.favourite', 'u.none'] }, ['tagged']],
    ['rooms without it', { not_tags: ['m.favourite'] }, without('tagged')],
    ['rooms named in part so, invites too', { room_name_like: 'B' }, ['invited']],
    ['rooms named in part so, in any case', { room_name_like: 'coral r' }, ['plain']],
    ['both filters together', { is_dm: true, is_encrypted: true }, []],
  ])('%s', async (_, filters, names) => {
    expect(await filtered(filters)).toEqual(names);
  });

  test('rooms of a space that the user is in, and none of others', async () => {
    expect(await filtered({ spaces: [rooms.space] })).toEqual(['child']);
    expect(await filtered({ spaces: ['!nothing:test', rooms.plain] })).toEqual([]);
  });

  test('what changed since: encryption, tags, direct rooms, children of spaces', async () => {
    const carol = await story.user('carol');
    const space = await story.room(carol, { creation_content: { type: 'm.space' } });
    const room = await story.room(carol, {});
    const lists = {
      encrypted: listOf(9, 1, { filters: { is_encrypted: true } }),
      tagged: listOf(9, 1, { filters: { tags: ['u.mine'] } }),
      direct: listOf(9, 1, { filters: { is_dm: true } }),
      inSpace: listOf(9, 1, { filters: { spaces: [space] } }),
    };
    const carols = client(carol, { lists });
    const counts = async () => {
      const answer = await carols.sync();
      return Object.keys(lists).map((name) => answer.count(name));
    };
    expect(await counts()).toEqual([0, 0, 0, 0]);
    await story.setState(carol, room, 'm.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' });
    expect(await counts()).toEqual([1, 0, 0, 0]);
    const tag = `/user/${encodeURIComponent(carol.userId)}/rooms/${encodeURIComponent(room)}/tags/u.mine`;
    await story.do(carol, 'PUT', tag, {});
    expect(await counts()).toEqual([1, 1, 0, 0]);
    await story.setAccountData(carol, 'm.direct', { '@x:test': [room] });
    expect(await counts()).toEqual([1, 1, 1, 0]);
    await story.setState(carol, space, 'm.space.child', { via: ['test'] }, room);
    expect(await counts()).toEqual([1, 1, 1, 1]);
    await story.do(carol, 'DELETE', tag);
    await story.setAccountData(carol, 'm.direct', { '@x:test': 'nonsense', '@y:test': [7] });
    expect(await counts()).toEqual([1, 0, 0, 1]);
  });
});

describe('windows', () => {
  let dora: Session;
  let mine: string[];

  beforeAll(async () => {
    dora = await story.user('dora');
    mine = [];
    for (let number = 0; number < 6; number += 1) mine.unshift(await story.room(dora, {}));
  });

  const windowOf = async (ranges: unknown) => {
    const list = { ...listOf(0, 1), ranges } as JsonObject;
    const answer = await client(dora, { lists: { all: list } }).sync();
    expect(answer.count('all')).toBe(6);
    return answer.roomIds.map((roomId) => mine.indexOf(roomId)).sort();
  };

  test.each<[unknown, number[]]>([
    [[[0, 1]], [0, 1]],
    [[[2, 2]], [2]],
    [
      [
        [0, 1],
        [4, 5],
      ],
      [0, 1, 4, 5],
    ],
    [
      [
        [3, 4],
        [0, 3],
        [1, 2],
      ],
      [0, 1, 2, 3, 4],
    ],
    [[[4, 99_999_999]], [4, 5]],
    [[[6, 9]], []],
    [[], []],
    [undefined, [0, 1, 2, 3, 4, 5]],
  ])('%j cut these', async (ranges, indexes) => {
    expect(await windowOf(ranges)).toEqual(indexes);
  });

  test('one range may be given, as in the proposal', async () => {
    const answer = await client(dora, { lists: { all: { range: [1, 2], timeline_limit: 1 } } }).sync();
    expect(answer.roomIds.sort()).toEqual(mine.slice(1, 3).sort());
  });

  test('grow to rooms that were not told, and tell the others of what happens alone', async () => {
    const doras = client(dora, { lists: { all: listOf(1, 1) } });
    expect((await doras.sync()).roomIds).toHaveLength(2);
    doras.body = { lists: { all: listOf(3, 1) } };
    expect((await doras.sync()).roomIds.sort()).toEqual(mine.slice(2, 4).sort());
    const last = mine[5] ?? '';
    const said = await story.say(dora, last, 'up');
    // It comes up into the window, and pushes another one out.
    const answer = await doras.sync();
    expect(answer.roomIds).toEqual([last]);
    expect(answer.timelineIds(last)).toEqual([said]);
    expect(answer.room(last)).toMatchObject({ initial: true, num_live: 1 });
    mine = [last, ...mine.slice(0, 5)];
  });

  test('a room that left the window comes back with all that happened meanwhile', async () => {
    const doras = client(dora, { lists: { all: listOf(0, 10) } });
    const top = mine[0] ?? '';
    expect((await doras.sync()).roomIds).toEqual([top]);
    const other = mine[1] ?? '';
    await story.say(dora, other, 'over');
    expect((await doras.sync()).roomIds).toEqual([other]);
    // The client sees the other room alone now, and this happens where it does not look.
    doras.body = { lists: { all: listOf(0, 10, { filters: { tags: ['u.none'] } }) } };
    const said = [await story.say(dora, top, 'one'), await story.say(dora, top, 'two')];
    expect((await doras.sync()).roomIds).toEqual([]);
    doras.body = { lists: { all: listOf(0, 10) } };
    const answer = await doras.sync();
    expect(answer.timelineIds(top)).toEqual(said);
    expect(answer.room(top)).not.toHaveProperty('initial');
    expect(answer.room(top)).toMatchObject({ limited: false, num_live: 0 });
    mine = [top, other, ...mine.slice(2)];
  });
});

describe('bad input', () => {
  const PATH = '/_matrix/client/unstable/org.matrix.simplified_msc3575/sync';
  const rule = { timeline_limit: 1, required_state: [] };
  const many = (count: number, value: unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, value])) as JsonObject;

  test.each<[string, JsonObject, number, string]>([
    ['lists that are no object', { lists: [] }, 400, 'M_BAD_JSON'],
    ['more than a hundred lists', { lists: many(101, rule) }, 400, 'M_INVALID_PARAM'],
    ['too many subscriptions', { room_subscriptions: many(501, rule) }, 400, 'M_INVALID_PARAM'],
    ['a range backwards', { lists: { a: { ...rule, ranges: [[5, 2]] } } }, 400, 'M_INVALID_PARAM'],
    ['a range below zero', { lists: { a: { ...rule, ranges: [[-1, 2]] } } }, 400, 'M_INVALID_PARAM'],
    ['half a range', { lists: { a: { ...rule, ranges: [[1]] } } }, 400, 'M_INVALID_PARAM'],
    ['thousands of ranges', { lists: { a: { ...rule, ranges: Array(101).fill([0, 1]) } } }, 400, 'M_INVALID_PARAM'],
    ['a limit that is no number', { lists: { a: { ...rule, timeline_limit: 'all' } } }, 400, 'M_BAD_JSON'],
    ['a name too long', { conn_id: 'x'.repeat(256) }, 400, 'M_INVALID_PARAM'],
    ['state that is no pair', { lists: { a: { ...rule, required_state: [['a']] } } }, 400, 'M_INVALID_PARAM'],
    ['filters of another kind', { lists: { a: { ...rule, filters: { is_dm: 'yes' } } } }, 400, 'M_BAD_JSON'],
    ['an unknown presence', { set_presence: 'asleep' }, 400, 'M_INVALID_PARAM'],
    ['extensions that are no object', { extensions: 7 }, 400, 'M_BAD_JSON'],
    [
      'a page of state for every list',
      { lists: Object.fromEntries(Array.from({ length: 20 }, (_, list) => [`l${list}`, pageOfState(list)])) },
      400,
      'M_INVALID_PARAM',
    ],
  ])('%s is refused', async (_, body, status, errcode) => {
    const answer = await story.server.request('POST', PATH, { token: bob.accessToken, body });
    expect(answer).toMatchObject({ status, body: { errcode } });
  });

  test('an unknown presence in the query is refused', async () => {
    const answer = await story.server.request('POST', `${PATH}?set_presence=asleep`, { token: bob.accessToken });
    expect(answer).toMatchObject({ status: 400, body: { errcode: 'M_INVALID_PARAM' } });
  });

  test('without a token there is nothing', async () => {
    expect(await story.server.request('POST', PATH, { body: {} })).toMatchObject({
      status: 401,
      body: { errcode: 'M_MISSING_TOKEN' },
    });
  });

  test('names that are known to JavaScript are names like others', async () => {
    const lists = '{"__proto__":{"timeline_limit":1},"constructor":{"timeline_limit":1}}';
    const body = JSON.parse(`{"lists":${lists},"room_subscriptions":{"__proto__":{}}}`);
    const answer = await client(bob, body).sync();
    expect(Object.keys(answer.body.lists as object).sort()).toEqual(['__proto__', 'constructor']);
  });

  test('a request without anything is answered with nothing but a place', async () => {
    const { body } = await client(bob, {}).sync();
    expect(body).toEqual({ pos: expect.any(String), lists: {}, rooms: {}, extensions: {} });
  });

  test('a transaction ID is echoed', async () => {
    expect((await client(bob, { txn_id: 'a "b"' }).sync()).body).toMatchObject({ txn_id: 'a "b"' });
  });
});

function pageOfState(list: number): JsonObject {
  const required_state = Array.from({ length: 200 }, (_, index) => [`type ${list} ${index}`, 'key']);
  return { timeline_limit: 1, required_state };
}
