import type { JsonObject } from '@limpet/protocol/json';
import { ROOM_VERSION_IDS } from '@limpet/protocol/room-version';
import { afterEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createManualWorld } from './support/manual-world.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';
import { openTestStorage } from './support/test-storage.ts';

const servers: TestServer[] = [];

async function start(): Promise<{ server: TestServer; alice: Session; bob: Session }> {
  const server = await createTestServer();
  servers.push(server);
  return { server, alice: await server.createUser('alice'), bob: await server.createUser('bob') };
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

const CREATE = '/_matrix/client/v3/createRoom';

/** The events of a room in their order, as `[type, state_key, content]`. */
async function eventsOf(server: TestServer, roomId: string): Promise<[string, string | undefined, JsonObject][]> {
  const { events } = server.server.services;
  const room = await events.room(roomId);
  if (room === undefined) throw new Error('The room is not there');
  const found = await events.forwards({ room, after: 0, before: 1_000, limit: 1_000 });
  return found.map(({ pdu }) => [pdu.type, pdu.stateKey, pdu.content]);
}

async function create(server: TestServer, session: Session, body: JsonObject): Promise<string> {
  return String((await server.ok('POST', CREATE, { token: session.accessToken, body })).room_id);
}

describe('createRoom', () => {
  test('makes the events in the order of the specification, all with the power to make them', async () => {
    const { server, alice, bob } = await start();
    const roomId = await create(server, alice, {
      room_version: '11',
      preset: 'public_chat',
      visibility: 'public',
      room_alias_name: 'pub',
      name: 'The pub',
      topic: 'Beer',
      invite: [bob.userId],
      is_direct: true,
      creation_content: { 'm.federate': false, creator: '@mallory:localhost', room_version: '1' },
      initial_state: [
        { type: 'm.room.history_visibility', content: { history_visibility: 'joined' } },
        { type: 'org.example.thing', state_key: 'key', content: { a: 1 } },
        { type: 'm.room.name', content: { name: 'Overwritten' } },
      ],
      power_level_content_override: { invite: 50, users_default: 10 },
    });
    const events = await eventsOf(server, roomId);
    expect(events.map(([type, stateKey]) => [type, stateKey])).toEqual([
      ['m.room.create', ''],
      ['m.room.member', alice.userId],
      ['m.room.power_levels', ''],
      ['m.room.canonical_alias', ''],
      ['m.room.join_rules', ''],
      ['m.room.history_visibility', ''],
      ['m.room.guest_access', ''],
      ['m.room.history_visibility', ''],
      ['org.example.thing', 'key'],
      ['m.room.name', ''],
      ['m.room.name', ''],
      ['m.room.topic', ''],
      ['m.room.member', bob.userId],
    ]);
    const contents = events.map(([, , content]) => content);
    expect(contents[0]).toEqual({ 'm.federate': false, room_version: '11' });
    expect(contents[2]).toMatchObject({ users: { [alice.userId]: 100 }, invite: 50, users_default: 10, ban: 50 });
    expect(contents[3]).toEqual({ alias: '#pub:localhost' });
    expect(contents[10]).toEqual({ name: 'The pub' });
    const body = 'Beer';
    expect(contents[11]).toEqual({ topic: body, 'm.topic': { 'm.text': [{ body, mimetype: 'text/plain' }] } });
    expect(contents[12]).toMatchObject({ membership: 'invite', is_direct: true });
    const listed = await server.ok('GET', `/_matrix/client/v3/directory/list/room/${encodeURIComponent(roomId)}`);
    expect(listed).toEqual({ visibility: 'public' });
    const alias = await server.ok('GET', '/_matrix/client/v3/directory/room/%23pub%3Alocalhost');
    expect(alias).toEqual({ room_id: roomId, servers: ['localhost'] });
  });

  test.each(ROOM_VERSION_IDS)('works in room version %s', async (version) => {
    const { server, alice } = await start();
    const roomId = await create(server, alice, { room_version: version, name: 'Room' });
    const [create_, member, powerLevels] = await eventsOf(server, roomId);
    expect(create_?.[2].room_version).toBe(version);
    expect(member?.[2]).toMatchObject({ membership: 'join' });
    const isHashed = version === '12';
    expect(powerLevels?.[2].users).toEqual(isHashed ? {} : { [alice.userId]: 100 });
    expect(roomId).toMatch(isHashed ? /^![A-Za-z0-9_-]{43}$/ : /^![A-Za-z0-9_-]+:localhost$/);
    expect(create_?.[2].creator).toBe(['11', '12'].includes(version) ? undefined : alice.userId);
  });

  test.each([
    [{}, 'invite', 'can_join'],
    [{ visibility: 'public' }, 'public', 'forbidden'],
    [{ preset: 'private_chat', visibility: 'public' }, 'invite', 'can_join'],
    [{ preset: 'trusted_private_chat' }, 'invite', 'can_join'],
    [{ preset: 'public_chat' }, 'public', 'forbidden'],
  ])('the preset of %j', async (body, joinRule, guestAccess) => {
    const { server, alice } = await start();
    const state = new Map(
      (await eventsOf(server, await create(server, alice, body))).map(([type, , content]) => [type, content]),
    );
    expect(state.get('m.room.join_rules')).toEqual({ join_rule: joinRule });
    expect(state.get('m.room.history_visibility')).toEqual({ history_visibility: 'shared' });
    expect(state.get('m.room.guest_access')).toEqual({ guest_access: guestAccess });
  });

  test('a trusted private chat makes the invited as powerful as the creator', async () => {
    const { server, alice, bob } = await start();
    const body = { preset: 'trusted_private_chat', invite: [bob.userId] };
    const old = await eventsOf(server, await create(server, alice, { ...body, room_version: '11' }));
    expect(old[2]?.[2].users).toEqual({ [alice.userId]: 100, [bob.userId]: 100 });
    const creation = { creation_content: { additional_creators: ['@carol:localhost', bob.userId] } };
    const current = await eventsOf(server, await create(server, alice, { ...body, ...creation }));
    expect(current[0]?.[2].additional_creators).toEqual(['@carol:localhost', bob.userId]);
    expect(current[2]?.[2].users).toEqual({});
    expect(current[2]?.[2]).toMatchObject({ state_default: 50, events: { 'm.room.tombstone': 150 } });
  });

  test('two alike at once are two rooms', async () => {
    const { server, alice } = await start();
    const [first, second] = await Promise.all([create(server, alice, {}), create(server, alice, {})]);
    expect(first).not.toBe(second);
  });

  test('one alike of the same millisecond is another room, after a restart or with the clock set back', async () => {
    const storage = await openTestStorage();
    const world = createManualWorld();
    const first = await createTestServer({ storage, world });
    const alice = await first.createUser('alice');
    const body = { room_version: '12' };
    const made = [await create(first, alice, body), await create(first, alice, body)];
    await first.stop();
    const second = await createTestServer({ storage, world });
    made.push(await create(second, alice, body));
    world.advance(5_000);
    made.push(await create(second, alice, body));
    world.stepWallClock(-5_000);
    made.push(await create(second, alice, body));
    expect(new Set(made).size).toBe(made.length);
    const counts = await Promise.all(made.map(async (roomId) => (await eventsOf(second, roomId)).length));
    expect(new Set(counts)).toEqual(new Set([6]));
    const old = `/_matrix/client/v3/rooms/${encodeURIComponent(made[0] ?? '')}`;
    const replaced = await second.ok('POST', `${old}/upgrade`, {
      token: alice.accessToken,
      body: { new_version: '12' },
    });
    expect(made).not.toContain(replaced.replacement_room);
    await second.stop();
    await storage.close();
  });

  test.each<[string, JsonObject, string]>([
    ['an unknown version', { room_version: '99' }, 'M_UNSUPPORTED_ROOM_VERSION'],
    ['a creator without power', withoutPower('11'), 'M_INVALID_ROOM_STATE'],
    ['a creator among the users of version 12', pinCreator('12'), 'M_INVALID_ROOM_STATE'],
    ['a membership in initial_state', initial('m.room.member', { membership: 'join' }), 'M_INVALID_ROOM_STATE'],
    ['a create event in initial_state', initial('m.room.create', {}), 'M_INVALID_ROOM_STATE'],
    ['a foreign alias in initial_state', initial('m.room.canonical_alias', { alias: '#x:y' }), 'M_BAD_ALIAS'],
    ['a float in initial_state', initial('a.b', { x: 1.5 }), 'M_BAD_JSON'],
    ['initial_state without content', { initial_state: [{ type: 'a.b' }] }, 'M_MISSING_PARAM'],
    ['creators that are none', { creation_content: { additional_creators: ['x'] } }, 'M_INVALID_ROOM_STATE'],
    ['inviting oneself', { invite: ['@alice:localhost'] }, 'M_INVALID_ROOM_STATE'],
    ['inviting nobody', { invite: ['bob'] }, 'M_INVALID_PARAM'],
    ['inviting from a server out of reach', { invite: ['@bob:elsewhere.example'] }, 'M_UNKNOWN'],
    ['inviting by e-mail', { invite_3pid: [{ medium: 'email', address: 'b@example.org' }] }, 'M_FORBIDDEN'],
    ['an alias with a colon', { room_alias_name: 'a:b' }, 'M_INVALID_PARAM'],
    ['an empty alias', { room_alias_name: '' }, 'M_INVALID_PARAM'],
    ['a long alias', { room_alias_name: 'a'.repeat(250) }, 'M_INVALID_PARAM'],
    ['an unknown preset', { preset: 'party' }, 'M_INVALID_PARAM'],
    ['a name that is none', { name: 7 }, 'M_BAD_JSON'],
    ['a topic without measure', { topic: 'x'.repeat(70_000) }, 'M_TOO_LARGE'],
  ])('%s is refused, and nothing is there', async (_what, body, errcode) => {
    const { server, alice } = await start();
    const { batches } = server.storage.tally;
    const answer = await server.request('POST', CREATE, { token: alice.accessToken, body });
    expect(answer.body.errcode).toBe(errcode);
    expect(String(answer.body.error).length).toBeGreaterThan(10);
    const { memberships } = server.server.services;
    expect(await memberships.ofUser(alice.userId)).toEqual([]);
    expect(server.storage.tally.batches - batches).toBeLessThanOrEqual(1);
  });

  test('a taken alias is M_ROOM_IN_USE, also when both ask at once', async () => {
    const { server, alice, bob } = await start();
    const body = { room_alias_name: 'pub' };
    const answers = await Promise.all(
      [alice, bob].map(({ accessToken }) => server.request('POST', CREATE, { token: accessToken, body })),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 400]);
    const again = await server.request('POST', CREATE, { token: alice.accessToken, body });
    expect([again.status, again.body.errcode]).toEqual([400, 'M_ROOM_IN_USE']);
    expect(answers.map((answer) => answer.body.errcode).filter(Boolean)).toEqual(['M_ROOM_IN_USE']);
    const { memberships } = server.server.services;
    const rooms = [...(await memberships.ofUser(alice.userId)), ...(await memberships.ofUser(bob.userId))];
    expect(rooms.length).toBe(1);
  });
});

function initial(type: string, content: JsonObject): JsonObject {
  return { initial_state: [{ type, content }] };
}

/** The name cannot be set by who may send no state. */
function withoutPower(version: string): JsonObject {
  const users = { '@alice:localhost': 10 };
  return { room_version: version, name: 'Room', power_level_content_override: { users } };
}

function pinCreator(version: string): JsonObject {
  return { room_version: version, power_level_content_override: { users: { '@alice:localhost': 100 } } };
}
