import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createRemoteWorld, type RemoteServer, type RemoteWorld } from './support/remote-server.ts';
import { makePath, sendPath } from './support/resident-paths.ts';

let world: RemoteWorld;
let far: RemoteServer;
let alice: Session;

beforeEach(async () => {
  world = await createRemoteWorld(['far.test', 'other.test']);
  far = world.remote('far.test');
  alice = await world.home.createUser('alice');
});

afterEach(() => world.stop());

async function createRoom(body: JsonObject = {}, owner = alice): Promise<string> {
  const answer = await world.home.ok('POST', '/_matrix/client/v3/createRoom', {
    token: owner.accessToken,
    body: { preset: 'public_chat', ...body },
  });
  return String(answer.room_id);
}

async function join(roomId: string, user: Session): Promise<void> {
  await world.home.ok('POST', `/_matrix/client/v3/rooms/${roomId}/join`, { token: user.accessToken, body: {} });
}

async function setState(roomId: string, type: string, stateKey: string, content: JsonObject): Promise<void> {
  const path = `/_matrix/client/v3/rooms/${roomId}/state/${type}/${encodeURIComponent(stateKey)}`;
  await world.home.ok('PUT', path, { token: alice.accessToken, body: content });
}

describe('query/profile', () => {
  const path = '/_matrix/federation/v1/query/profile?user_id=';

  test('gives the profile, or one field of it', async () => {
    const { userId, accessToken: token } = alice;
    await world.home.ok('PUT', `/_matrix/client/v3/profile/${userId}/displayname`, {
      token,
      body: { displayname: 'Alice' },
    });
    const ask = (query: string) => far.outcome('GET', `${path}${query}`);
    expect(await ask(userId)).toEqual([200, { displayname: 'Alice' }]);
    expect(await ask(`${userId}&field=displayname`)).toEqual([200, { displayname: 'Alice' }]);
    expect(await ask(`${userId}&field=avatar_url`)).toEqual([200, {}]);
    expect(await ask(`${userId}&field=__proto__`)).toEqual([200, {}]);
  });

  test('refuses users that are not here', async () => {
    expect(await far.outcome('GET', `${path}@nobody:home.test`)).toEqual([404, 'M_NOT_FOUND']);
    expect(await far.outcome('GET', `${path}@bob:far.test`)).toEqual([404, 'M_NOT_FOUND']);
    expect(await far.outcome('GET', `${path}bob`)).toEqual([400, 'M_INVALID_PARAM']);
    expect(await far.outcome('GET', '/_matrix/federation/v1/query/profile')).toEqual([400, 'M_MISSING_PARAM']);
  });
});

describe('query/directory', () => {
  const path = '/_matrix/federation/v1/query/directory?room_alias=';

  test('gives the room behind an alias', async () => {
    const roomId = await createRoom({ room_alias_name: 'garden' });
    const asked = await far.outcome('GET', `${path}${encodeURIComponent('#garden:home.test')}`);
    expect(asked).toEqual([200, { room_id: roomId, servers: ['home.test'] }]);
  });

  test('refuses what is no alias of this server', async () => {
    const ask = (alias: string) => far.outcome('GET', `${path}${encodeURIComponent(alias)}`);
    expect(await ask('#none:home.test')).toEqual([404, 'M_NOT_FOUND']);
    expect(await ask('#garden:far.test')).toEqual([400, 'M_INVALID_PARAM']);
    expect(await ask('garden')).toEqual([400, 'M_INVALID_PARAM']);
  });
});

test('a query of an unknown kind is refused by name', async () => {
  expect(await far.outcome('GET', '/_matrix/federation/v1/query/weather')).toEqual([404, 'M_NOT_FOUND']);
});

describe('publicRooms', () => {
  const path = '/_matrix/federation/v1/publicRooms';

  const names = (body: JsonObject) => (body.chunk as JsonObject[]).map((room) => room.name);

  /** Rooms of this directory, with so many members each. */
  async function fill(): Promise<void> {
    const bob = await world.home.createUser('bob');
    const carol = await world.home.createUser('carol');
    await createRoom({ visibility: 'public', name: 'one', topic: 'Tulips' });
    const two = await createRoom({ visibility: 'public', name: 'two' });
    const three = await createRoom({ visibility: 'public', name: 'three', creation_content: { type: 'm.space' } });
    await createRoom({ name: 'not listed' });
    await join(two, bob);
    await join(three, bob);
    await join(three, carol);
  }

  test('gives the listed rooms, those with most members first, page by page', async () => {
    await fill();
    const { body } = await far.ask('GET', path);
    expect(names(body)).toEqual(['three', 'two', 'one']);
    expect(body.total_room_count_estimate).toBe(3);
    expect((body.chunk as JsonObject[])[0]).toEqual({
      room_id: expect.any(String),
      name: 'three',
      num_joined_members: 3,
      world_readable: false,
      guest_can_join: false,
      join_rule: 'public',
      room_type: 'm.space',
    });
    const first = (await far.ask('GET', `${path}?limit=2`)).body;
    expect([names(first), first.prev_batch]).toEqual([['three', 'two'], undefined]);
    const second = (await far.ask('GET', `${path}?limit=2&since=${first.next_batch}`)).body;
    expect([names(second), second.next_batch]).toEqual([['one'], undefined]);
    const back = (await far.ask('GET', `${path}?limit=2&since=${second.prev_batch}`)).body;
    expect(names(back)).toEqual(['three', 'two']);
    const middle = (await far.ask('GET', `${path}?limit=1&since=${second.prev_batch}`)).body;
    expect(names(middle)).toEqual(['two']);
    expect(middle.next_batch).toBeDefined();
    expect(middle.prev_batch).toBeDefined();
  });

  test('a page holds its place while rooms come and go', async () => {
    await fill();
    const first = (await far.ask('GET', `${path}?limit=2`)).body;
    const dave = await world.home.createUser('dave');
    const newest = await createRoom({ visibility: 'public', name: 'newest' });
    await join(newest, dave);
    const second = (await far.ask('GET', `${path}?limit=2&since=${first.next_batch}`)).body;
    expect(names(second)).toEqual(['newest', 'one']);
  });

  test('lets a filter choose', async () => {
    await fill();
    const ask = async (filter: JsonObject) => names((await far.ask('POST', path, { filter })).body);
    expect(await ask({ generic_search_term: 'TULIP' })).toEqual(['one']);
    expect(await ask({ generic_search_term: 't' })).toEqual(['three', 'two', 'one']);
    expect(await ask({ room_types: ['m.space'] })).toEqual(['three']);
    expect(await ask({ room_types: [null] })).toEqual(['two', 'one']);
    expect(await ask({ room_types: [] })).toEqual([]);
    expect(await ask({ room_types: null, generic_search_term: null })).toEqual(['three', 'two', 'one']);
    expect(names((await far.ask('POST', path, {})).body)).toHaveLength(3);
  });

  test('shows a room as it is now', async () => {
    const roomId = await createRoom({ visibility: 'public', name: 'before' });
    expect(names((await far.ask('GET', path)).body)).toEqual(['before']);
    await setState(roomId, 'm.room.name', '', { name: 'after' });
    expect(names((await far.ask('GET', path)).body)).toEqual(['after']);
  });

  test('has nothing of other networks, nor rooms that do not federate or that we left', async () => {
    await fill();
    const left = await createRoom({ visibility: 'public', name: 'left' });
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${left}/leave`, { token: alice.accessToken, body: {} });
    await createRoom({ visibility: 'public', name: 'ours alone', creation_content: { 'm.federate': false } });
    expect(names((await far.ask('GET', `${path}?third_party_instance_id=irc`)).body)).toEqual([]);
    expect(names((await far.ask('POST', path, { third_party_instance_id: 'irc' })).body)).toEqual([]);
    const everything = `${path}?third_party_instance_id=irc&include_all_networks=true`;
    expect(names((await far.ask('GET', everything)).body)).toHaveLength(3);
  });

  test('refuses a token that is none, and a limit below nothing', async () => {
    expect(await far.outcome('GET', `${path}?since=x`)).toEqual([400, 'M_INVALID_PARAM']);
    expect(await far.outcome('GET', `${path}?limit=-1`)).toEqual([400, 'M_INVALID_PARAM']);
  });
});

describe('hierarchy', () => {
  const pathOf = (roomId: string, query = '') =>
    `/_matrix/federation/v1/hierarchy/${encodeURIComponent(roomId)}${query}`;

  const idsOf = (list: JsonValue | undefined) => (list as JsonObject[]).map((room) => room.room_id);

  async function space(body: JsonObject = {}): Promise<string> {
    return createRoom({ creation_content: { type: 'm.space' }, ...body });
  }

  test('gives a space, its children in order, and those that are closed to the asking server', async () => {
    const root = await space({ name: 'root' });
    const [b, a] = [await createRoom({ name: 'b' }), await createRoom({ name: 'a' })];
    const closed = await createRoom({ preset: 'private_chat' });
    const via = ['home.test'];
    await setState(root, 'm.space.child', b, { via, order: 'bbb' });
    await setState(root, 'm.space.child', a, { via, order: 'aaa', suggested: true });
    await setState(root, 'm.space.child', closed, { via });
    await setState(root, 'm.space.child', '!unknown:far.test', { via: ['far.test'] });
    await setState(root, 'm.space.child', '!gone:far.test', {});
    await setState(root, 'm.space.child', 'no room', { via });
    const { status, body } = await far.ask('GET', pathOf(root));
    expect(status).toBe(200);
    const room = body.room as JsonObject;
    expect([room.room_id, room.name, room.room_type]).toEqual([root, 'root', 'm.space']);
    expect((room.children_state as JsonObject[]).map((link) => link.state_key)).toEqual([
      a,
      b,
      closed,
      '!unknown:far.test',
    ]);
    expect((room.children_state as JsonObject[])[0]).toEqual({
      type: 'm.space.child',
      state_key: a,
      sender: alice.userId,
      content: { via, order: 'aaa', suggested: true },
      origin_server_ts: expect.any(Number),
    });
    expect(idsOf(body.children)).toEqual([a, b]);
    expect(body.inaccessible_children).toEqual([closed]);
    const suggested = (await far.ask('GET', pathOf(root, '?suggested_only=true'))).body;
    expect([idsOf(suggested.children), suggested.inaccessible_children]).toEqual([[a], []]);
  });

  test('names the rooms whose members may join a restricted one, and shows it to their servers alone', async () => {
    const root = await space();
    const content = { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: root }] };
    const rules = { type: 'm.room.join_rules', state_key: '', content };
    const member = await createRoom({ initial_state: [rules] as never });
    await setState(root, 'm.space.child', member, { via: ['home.test'] });
    const { body } = await far.ask('GET', pathOf(root));
    expect(body.inaccessible_children).toEqual([member]);
    // Whose user is in the space may join.
    const made = (await far.ask('GET', makePath('join', root, far.userId('bob')))).body;
    const { pdu } = far.complete(made);
    expect((await far.ask('PUT', sendPath('join', root, pdu.eventId), pdu.json)).status).toBe(200);
    const inside = (await far.ask('GET', pathOf(root))).body;
    expect([idsOf(inside.children), inside.inaccessible_children]).toEqual([[member], []]);
    expect((await world.remote('other.test').ask('GET', pathOf(root))).body.inaccessible_children).toEqual([member]);
    await setState(member, 'm.room.history_visibility', '', { history_visibility: 'world_readable' });
    const after = (await far.ask('GET', pathOf(root))).body;
    expect((after.children as JsonObject[])[0]).toMatchObject({
      room_id: member,
      join_rule: 'restricted',
      allowed_room_ids: [root],
      world_readable: true,
    });
  });

  test('tells of a room that is no space, and of none that is closed, unknown or left', async () => {
    const open = await createRoom();
    const plain = (await far.ask('GET', pathOf(open))).body;
    expect([plain.children, (plain.room as JsonObject).children_state]).toEqual([[], []]);
    const closed = await createRoom({ preset: 'private_chat' });
    expect(await far.outcome('GET', pathOf(closed))).toEqual([404, 'M_NOT_FOUND']);
    expect(await far.outcome('GET', pathOf('!unknown:home.test'))).toEqual([404, 'M_NOT_FOUND']);
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${open}/leave`, { token: alice.accessToken, body: {} });
    expect(await far.outcome('GET', pathOf(open))).toEqual([404, 'M_NOT_FOUND']);
  });
});
