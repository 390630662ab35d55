import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { type LookUpStory, lookUpStory } from './support/look-up-story.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';

let server: TestServer;
let story: LookUpStory;
let alice: Session;
let bob: Session;
let mallory: Session;

beforeAll(async () => {
  server = await createTestServer();
  story = lookUpStory(server);
  alice = await server.createUser('alice');
  bob = await server.createUser('bob');
  mallory = await server.createUser('mallory');
});

afterAll(() => server.stop());

const upgrade = (who: Session, roomId: string, body: JsonObject) =>
  story.ask('POST', `v3/rooms/${encodeURIComponent(roomId)}/upgrade`, who, body);

async function replaced(who: Session, roomId: string, body: JsonObject): Promise<string> {
  const [status, answer] = await upgrade(who, roomId, body);
  expect(status).toBe(200);
  return String((answer as JsonObject).replacement_room);
}

const state = async (who: Session, roomId: string, type: string, key = '') =>
  (await story.ask('GET', `v3/rooms/${encodeURIComponent(roomId)}/state/${type}/${encodeURIComponent(key)}`, who))[1];

test.each([
  ['10', '12'],
  ['12', '11'],
  ['11', '12'],
])('a room of version %s is replaced by one of version %s, with what belongs to it', async (from, to) => {
  const alias = `#hall-${from}-${to}:localhost`;
  const old = await story.createRoom(alice, {
    room_version: from,
    name: 'Hall',
    topic: 'Echoes',
    visibility: 'public',
    room_alias_name: `hall-${from}-${to}`,
    initial_state: [{ type: 'm.room.encryption', content: { algorithm: 'm.megolm.v1.aes-sha2' } }],
    power_level_content_override: { users: { ...(from === '12' ? {} : { [alice.userId]: 100 }), [bob.userId]: 60 } },
  });
  await story.join(old, bob);
  await story.ask('POST', `v3/rooms/${encodeURIComponent(old)}/ban`, alice, { user_id: mallory.userId });
  const fresh = await replaced(alice, old, { new_version: to });

  expect(await state(alice, fresh, 'm.room.create')).toMatchObject({ room_version: to, predecessor: { room_id: old } });
  expect(await state(alice, fresh, 'm.room.name')).toEqual({ name: 'Hall' });
  expect(await state(alice, fresh, 'm.room.topic')).toMatchObject({ topic: 'Echoes' });
  expect(await state(alice, fresh, 'm.room.encryption')).toEqual({ algorithm: 'm.megolm.v1.aes-sha2' });
  expect(await state(alice, fresh, 'm.room.join_rules')).toEqual({ join_rule: 'public' });
  expect(await state(alice, fresh, 'm.room.member', mallory.userId)).toMatchObject({ membership: 'ban' });
  expect(await state(alice, fresh, 'm.room.canonical_alias')).toEqual({ alias });
  expect(await state(alice, old, 'm.room.canonical_alias')).toEqual({});
  const levels = (await state(alice, fresh, 'm.room.power_levels')) as { users: JsonObject };
  expect(levels.users).toEqual({
    ...(to === '12' ? {} : { [alice.userId]: 100 + (from === '12' ? 50 : 0) }),
    [bob.userId]: 60,
  });

  expect(await state(alice, old, 'm.room.tombstone')).toMatchObject({ replacement_room: fresh });
  expect(await state(alice, old, 'm.room.power_levels')).toMatchObject({ events_default: 50, invite: 50 });
  const [, found] = await story.ask('GET', `v3/directory/room/${encodeURIComponent(alias)}`);
  expect(found).toMatchObject({ room_id: fresh });
  const [, listed] = await story.ask('GET', 'v3/publicRooms');
  const ids = (listed as { chunk: JsonObject[] }).chunk.map((room) => room.room_id);
  expect([ids.includes(fresh), ids.includes(old)]).toEqual([true, false]);
  // Nobody is brought over, and who wants to, comes; who may not, may not.
  await story.join(fresh, bob);
  expect(await story.ask('POST', `v3/join/${encodeURIComponent(fresh)}`, mallory, {})).toEqual([403, 'M_FORBIDDEN']);
  const message = { msgtype: 'm.text', body: 'Still here?' };
  const said = (roomId: string) =>
    story.ask('PUT', `v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/1`, bob, message);
  expect([(await said(fresh))[0], (await said(old))[0]]).toEqual([200, 200]);
});

test('a space keeps its type and its rooms, and further creators are named', async () => {
  const space = await story.createRoom(alice, { creation_content: { type: 'm.space', 'm.federate': false } });
  const child = await story.createRoom(alice);
  await story.setState(alice, { roomId: space, type: 'm.space.child', stateKey: child }, { via: ['localhost'] });
  const fresh = await replaced(alice, space, { new_version: '12', additional_creators: [bob.userId] });
  expect(await state(alice, fresh, 'm.room.create')).toMatchObject({
    type: 'm.space',
    'm.federate': false,
    additional_creators: [bob.userId],
  });
  expect(await state(alice, fresh, 'm.space.child', child)).toEqual({ via: ['localhost'] });
});

describe('what a user set for a room', () => {
  const V3 = '/_matrix/client/v3';
  const tags = { 'm.favourite': { order: 0.5 }, 'u.work': {} };

  async function setUp(who: Session, roomId: string): Promise<void> {
    const put = (path: string, body: JsonObject) => server.ok('PUT', `${V3}/${path}`, { token: who.accessToken, body });
    const user = `user/${who.userId}`;
    for (const [tag, content] of Object.entries(tags)) await put(`${user}/rooms/${roomId}/tags/${tag}`, content);
    await put(`${user}/account_data/m.direct`, { [alice.userId]: [roomId], '@other:localhost': ['!other:localhost'] });
    const conditions = [{ kind: 'event_match', key: 'room_id', pattern: roomId }];
    await put(`pushrules/global/override/${encodeURIComponent(roomId)}`, { actions: [], conditions });
    await put(`pushrules/global/room/${encodeURIComponent(roomId)}`, { actions: ['notify'] });
    await put(`pushrules/global/room/${encodeURIComponent(roomId)}/enabled`, { enabled: false });
  }

  async function settingsOf(who: Session, roomId: string) {
    await server.server.services.replacedRoomSettings.settled();
    const of = async (path: string) => (await story.ask('GET', `v3/${path}`, who))[1];
    const { tags: found } = (await of(`user/${who.userId}/rooms/${roomId}/tags`)) as JsonObject;
    return {
      tags: found,
      direct: await of(`user/${who.userId}/account_data/m.direct`),
      override: await of(`pushrules/global/override/${encodeURIComponent(roomId)}`),
      room: await of(`pushrules/global/room/${encodeURIComponent(roomId)}`),
    };
  }

  const nothing = { tags: {}, override: 'M_NOT_FOUND', room: 'M_NOT_FOUND' };

  test('goes over to the one that replaces it, when he joins that', async () => {
    const old = await story.createRoom(alice);
    await story.join(old, bob);
    await setUp(bob, old);
    const fresh = await replaced(alice, old, { new_version: '12' });
    const before = { [alice.userId]: [old], '@other:localhost': ['!other:localhost'] };
    expect(await settingsOf(bob, fresh)).toEqual({ ...nothing, direct: before });
    await story.join(fresh, bob);
    expect(await settingsOf(bob, fresh)).toEqual({
      tags,
      direct: { ...before, [alice.userId]: [old, fresh] },
      override: {
        rule_id: fresh,
        default: false,
        enabled: true,
        actions: [],
        conditions: [{ kind: 'event_match', key: 'room_id', pattern: fresh }],
      },
      room: { rule_id: fresh, default: false, enabled: false, actions: ['notify'] },
    });
  });

  test('goes with who replaces it himself', async () => {
    const old = await story.createRoom(alice);
    await setUp(alice, old);
    const fresh = await replaced(alice, old, { new_version: '12' });
    expect(await settingsOf(alice, fresh)).toMatchObject({ tags, room: { enabled: false } });
  });

  test('stays as it is where he set something for the new room already, and when he comes back to it', async () => {
    const old = await story.createRoom(alice);
    await story.join(old, bob);
    const fresh = await replaced(alice, old, { new_version: '12' });
    const tag = `${V3}/user/${bob.userId}/rooms/${fresh}/tags/u.mine`;
    await server.ok('PUT', tag, { token: bob.accessToken, body: {} });
    await setUp(bob, old);
    await story.join(fresh, bob);
    expect((await settingsOf(bob, fresh)).tags).toEqual({ 'u.mine': {} });
    await server.ok('DELETE', tag, { token: bob.accessToken });
    await story.ask('POST', `v3/rooms/${encodeURIComponent(fresh)}/leave`, bob, {});
    await story.join(fresh, bob);
    expect((await settingsOf(bob, fresh)).tags).toEqual({});
  });

  test('does not go to a room that only says to replace another one', async () => {
    const old = await story.createRoom(alice);
    await setUp(alice, old);
    const predecessor = { room_id: old };
    const fresh = await story.createRoom(mallory, { creation_content: { predecessor } });
    await story.join(fresh, alice);
    expect(await settingsOf(alice, fresh)).toMatchObject(nothing);
  });
});

test('who may not close the room cannot replace it', async () => {
  const roomId = await story.createRoom(alice, { room_version: '11' });
  expect(await upgrade(bob, roomId, { new_version: '12' })).toEqual([403, 'M_FORBIDDEN']);
  await story.join(roomId, bob);
  expect(await upgrade(bob, roomId, { new_version: '12' })).toEqual([403, 'M_FORBIDDEN']);
  expect(await upgrade(alice, roomId, { new_version: 'none' })).toEqual([400, 'M_UNSUPPORTED_ROOM_VERSION']);
  expect(await upgrade(alice, roomId, {})).toEqual([400, 'M_MISSING_PARAM']);
  const creators = { new_version: '12', additional_creators: ['bob'] };
  expect(await upgrade(alice, roomId, creators)).toEqual([400, 'M_INVALID_PARAM']);
  expect(await upgrade(alice, '!nothing:localhost', { new_version: '12' })).toEqual([403, 'M_FORBIDDEN']);
  expect(await state(alice, roomId, 'm.room.tombstone')).toBe('M_NOT_FOUND');
});
