import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';

const servers: TestServer[] = [];

interface World {
  readonly server: TestServer;
  readonly alice: Session;
  readonly bob: Session;
  readonly carol: Session;
}

async function start(): Promise<World> {
  const server = await createTestServer();
  servers.push(server);
  const [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
  return { server, alice, bob, carol: await server.createUser('carol') };
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function createRoom({ server, alice }: World, body: JsonObject = { preset: 'public_chat' }): Promise<string> {
  const { room_id: roomId } = await server.ok('POST', '/_matrix/client/v3/createRoom', {
    token: alice.accessToken,
    body,
  });
  return String(roomId);
}

/** Asks a membership endpoint of the room; the status and the errcode. */
async function ask({ server }: World, who: Session, path: string, body: JsonObject = {}): Promise<unknown[]> {
  const answer = await server.request('POST', `/_matrix/client/v3/${path}`, { token: who.accessToken, body });
  return answer.status === 200 ? [200] : [answer.status, answer.body.errcode];
}

async function memberOf({ server }: World, roomId: string, userId: string): Promise<JsonObject | undefined> {
  const { events, memberships } = server.server.services;
  const room = await events.room(roomId);
  const record = room === undefined ? undefined : await memberships.of(room, userId);
  return record === undefined ? undefined : (await events.byNids([record.eventNid])).get(record.eventNid)?.pdu.content;
}

async function countEvents({ server }: World, roomId: string): Promise<number> {
  const { events } = server.server.services;
  const room = await events.room(roomId);
  return room === undefined ? 0 : (await events.backwards({ room, after: 0, before: 10_000, limit: 10_000 })).length;
}

describe('joining', () => {
  test('by ID and by alias, with the profile and a reason, and once only', async () => {
    const world = await start();
    const { server, bob, carol } = world;
    const roomId = await createRoom(world, { preset: 'public_chat', room_alias_name: 'pub' });
    const profile = `/_matrix/client/v3/profile/${encodeURIComponent(bob.userId)}/displayname`;
    await server.ok('PUT', profile, { token: bob.accessToken, body: { displayname: 'Bob' } });
    expect(await ask(world, bob, `rooms/${roomId}/join`, { reason: 'Thirst' })).toEqual([200]);
    expect(await memberOf(world, roomId, bob.userId)).toEqual({
      membership: 'join',
      displayname: 'Bob',
      reason: 'Thirst',
    });
    const before = await countEvents(world, roomId);
    expect(await ask(world, bob, `join/${roomId}`)).toEqual([200]);
    expect(await countEvents(world, roomId)).toBe(before);
    expect(await ask(world, carol, `join/${encodeURIComponent('#pub:localhost')}?via=elsewhere`)).toEqual([200]);
    expect(await memberOf(world, roomId, carol.userId)).toMatchObject({ membership: 'join' });
  });

  test('is refused where the room is closed, the user banned, or the room unknown', async () => {
    const world = await start();
    const { alice, bob } = world;
    const closed = await createRoom(world, { preset: 'private_chat' });
    expect(await ask(world, bob, `join/${closed}`)).toEqual([403, 'M_FORBIDDEN']);
    const open = await createRoom(world);
    expect(await ask(world, alice, `rooms/${open}/ban`, { user_id: bob.userId })).toEqual([200]);
    expect(await ask(world, bob, `join/${open}`)).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask(world, bob, 'join/!none:localhost')).toEqual([404, 'M_NOT_FOUND']);
    expect(await ask(world, bob, `join/${encodeURIComponent('#none:localhost')}`)).toEqual([404, 'M_NOT_FOUND']);
    expect(await ask(world, bob, 'join/nonsense')).toEqual([400, 'M_INVALID_PARAM']);
    const signed = { sender: '@x:y', mxid: bob.userId, token: 't', signatures: {} };
    expect(await ask(world, bob, `join/${closed}`, { third_party_signed: signed })).toEqual([403, 'M_FORBIDDEN']);
  });

  test('a restricted room lets in the members of another, in the name of who may invite', async () => {
    const world = await start();
    const { alice, bob, carol } = world;
    const space = await createRoom(world);
    const allow = [{ type: 'm.room_membership', room_id: space }];
    const content = { join_rule: 'restricted', allow };
    const roomId = await createRoom(world, {
      initial_state: [{ type: 'm.room.join_rules', content }],
      power_level_content_override: { invite: 50 },
    });
    expect(await ask(world, bob, `join/${roomId}`)).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask(world, bob, `join/${space}`)).toEqual([200]);
    expect(await ask(world, bob, `join/${roomId}`)).toEqual([200]);
    const authorised = { membership: 'join', join_authorised_via_users_server: alice.userId };
    expect(await memberOf(world, roomId, bob.userId)).toEqual(authorised);
    // The invited need nobody.
    expect(await ask(world, alice, `rooms/${roomId}/invite`, { user_id: carol.userId })).toEqual([200]);
    expect(await ask(world, carol, `join/${roomId}`)).toEqual([200]);
    expect(await memberOf(world, roomId, carol.userId)).toEqual({ membership: 'join' });
    // A new name stands for itself.
    const { server } = world;
    const profile = `/_matrix/client/v3/profile/${encodeURIComponent(bob.userId)}/displayname`;
    await server.ok('PUT', profile, { token: bob.accessToken, body: { displayname: 'Bob' } });
    expect(await memberOf(world, roomId, bob.userId)).toEqual({ membership: 'join', displayname: 'Bob' });
    // With nobody left who may invite, there is nobody to ask.
    expect(await ask(world, alice, `rooms/${roomId}/leave`)).toEqual([200]);
    expect(await ask(world, bob, `rooms/${roomId}/leave`)).toEqual([200]);
    expect(await ask(world, bob, `join/${roomId}`)).toEqual([403, 'M_FORBIDDEN']);
  });
});

describe('inviting, leaving, kicking, banning', () => {
  test('an invite is declined or taken, and repeating changes nothing', async () => {
    const world = await start();
    const { alice, bob, carol } = world;
    const roomId = await createRoom(world, { preset: 'private_chat' });
    const invite = `rooms/${roomId}/invite`;
    expect(await ask(world, alice, invite, { user_id: bob.userId, reason: 'Come' })).toEqual([200]);
    expect(await memberOf(world, roomId, bob.userId)).toEqual({ membership: 'invite', reason: 'Come' });
    const before = await countEvents(world, roomId);
    expect(await ask(world, alice, invite, { user_id: bob.userId })).toEqual([200]);
    expect(await countEvents(world, roomId)).toBe(before);
    expect(await ask(world, bob, `rooms/${roomId}/leave`, { reason: 'No' })).toEqual([200]);
    expect(await memberOf(world, roomId, bob.userId)).toEqual({ membership: 'leave', reason: 'No' });
    expect(await ask(world, bob, `rooms/${roomId}/leave`)).toEqual([200]);
    expect(await countEvents(world, roomId)).toBe(before + 1);
    expect(await ask(world, bob, `join/${roomId}`)).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask(world, alice, invite, { user_id: bob.userId })).toEqual([200]);
    expect(await ask(world, bob, `join/${roomId}`)).toEqual([200]);
    // Who is in cannot be invited; who is out cannot invite; what names nobody is refused.
    expect(await ask(world, alice, invite, { user_id: bob.userId })).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask(world, carol, invite, { user_id: carol.userId })).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask(world, alice, invite, {})).toEqual([400, 'M_MISSING_PARAM']);
    expect(await ask(world, alice, invite, { user_id: 'carol' })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await ask(world, alice, invite, { user_id: '@x:elsewhere' })).toEqual([502, 'M_UNKNOWN']);
    const byMail = { id_server: 'x', medium: 'email', address: 'a@b' };
    expect(await ask(world, alice, invite, byMail)).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask(world, alice, 'rooms/!none:localhost/invite', { user_id: bob.userId })).toEqual([
      403,
      'M_FORBIDDEN',
    ]);
  });

  test('kick, ban and unban take power, and each takes its membership', async () => {
    const world = await start();
    const { alice, bob, carol } = world;
    const roomId = await createRoom(world);
    await ask(world, bob, `join/${roomId}`);
    const target = { user_id: bob.userId, reason: 'Rules' };
    const steps: [Session, string, unknown[], string | undefined][] = [
      [carol, 'kick', [403, 'M_FORBIDDEN'], 'join'],
      [bob, 'ban', [403, 'M_FORBIDDEN'], 'join'],
      [alice, 'unban', [403, 'M_BAD_STATE'], 'join'],
      [alice, 'kick', [200], 'leave'],
      [alice, 'kick', [403, 'M_FORBIDDEN'], 'leave'],
      [bob, 'join', [200], 'join'],
      [alice, 'ban', [200], 'ban'],
      [alice, 'kick', [403, 'M_FORBIDDEN'], 'ban'],
      [bob, 'join', [403, 'M_FORBIDDEN'], 'ban'],
      [bob, 'leave', [403, 'M_FORBIDDEN'], 'ban'],
      [carol, 'unban', [403, 'M_FORBIDDEN'], 'ban'],
      [alice, 'unban', [200], 'leave'],
      [bob, 'join', [200], 'join'],
    ];
    for (const [who, what, expected, membership] of steps) {
      const body = what === 'join' || what === 'leave' ? {} : target;
      expect([what, await ask(world, who, `rooms/${roomId}/${what}`, body)]).toEqual([what, expected]);
      expect([what, (await memberOf(world, roomId, bob.userId))?.membership]).toEqual([what, membership]);
    }
    const everywhere = ['kick', 'ban', 'unban'].map((what) =>
      ask(world, alice, `rooms/!none:localhost/${what}`, target),
    );
    expect(await Promise.all(everywhere)).toEqual(Array(3).fill([403, 'M_FORBIDDEN']));
    expect(await ask(world, alice, `rooms/${roomId}/kick`, {})).toEqual([400, 'M_MISSING_PARAM']);
  });

  test('leaving what one was never in is refused, and so is forgetting what one is in', async () => {
    const world = await start();
    const { server, alice, bob } = world;
    const roomId = await createRoom(world);
    expect(await ask(world, bob, `rooms/${roomId}/leave`)).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask(world, bob, 'rooms/!none:localhost/leave')).toEqual([404, 'M_NOT_FOUND']);
    expect(await ask(world, bob, `rooms/${roomId}/forget`)).toEqual([400, 'M_UNKNOWN']);
    await ask(world, bob, `join/${roomId}`);
    expect(await ask(world, bob, `rooms/${roomId}/forget`)).toEqual([400, 'M_UNKNOWN']);
    await ask(world, bob, `rooms/${roomId}/leave`);
    const seen: unknown[] = [];
    server.storage.stream.follow((changes) => seen.push(...changes));
    expect(await ask(world, bob, `rooms/${roomId}/forget`)).toEqual([200]);
    expect(seen).toMatchObject([{ kind: 'membership', userId: bob.userId, membership: 'leave', previous: 'leave' }]);
    const { memberships } = server.server.services;
    expect(await memberships.ofUser(bob.userId)).toMatchObject([{ isForgotten: true, membership: 'leave' }]);
    expect(await ask(world, bob, `rooms/${roomId}/forget`)).toEqual([200]);
    await ask(world, bob, `join/${roomId}`);
    expect(await memberships.ofUser(bob.userId)).toMatchObject([{ isForgotten: false, membership: 'join' }]);
    expect(await memberships.ofUser(alice.userId)).toMatchObject([{ membership: 'join' }]);
  });
});

test('knocking asks to be let in, where the room allows it', async () => {
  const world = await start();
  const { alice, bob, carol } = world;
  const rule = { type: 'm.room.join_rules', content: { join_rule: 'knock' } };
  const roomId = await createRoom(world, { initial_state: [rule], room_alias_name: 'door' });
  const knock = `knock/${encodeURIComponent('#door:localhost')}`;
  expect(await ask(world, bob, knock, { reason: 'It rains' })).toEqual([200]);
  expect(await memberOf(world, roomId, bob.userId)).toEqual({ membership: 'knock', reason: 'It rains' });
  const before = await countEvents(world, roomId);
  expect(await ask(world, bob, `knock/${roomId}`)).toEqual([200]);
  expect(await countEvents(world, roomId)).toBe(before);
  expect(await ask(world, bob, `join/${roomId}`)).toEqual([403, 'M_FORBIDDEN']);
  expect(await ask(world, alice, `rooms/${roomId}/invite`, { user_id: bob.userId })).toEqual([200]);
  expect(await ask(world, bob, `join/${roomId}`)).toEqual([200]);
  expect(await ask(world, carol, `knock/${roomId}`)).toEqual([200]);
  expect(await ask(world, carol, `rooms/${roomId}/leave`)).toEqual([200]);
  // Not in rooms with another rule, of versions without it, that are unknown, or that one is in.
  const [open, old] = [await createRoom(world), await createRoom(world, { room_version: '6', initial_state: [rule] })];
  expect(await ask(world, bob, `knock/${open}`)).toEqual([403, 'M_FORBIDDEN']);
  expect(await ask(world, bob, `knock/${old}`)).toEqual([403, 'M_FORBIDDEN']);
  expect(await ask(world, bob, `knock/${roomId}`)).toEqual([403, 'M_FORBIDDEN']);
  expect(await ask(world, bob, 'knock/!none:localhost')).toEqual([404, 'M_NOT_FOUND']);
});

describe('what an account does to its rooms', () => {
  test('a new name reaches the rooms joined, and no others', async () => {
    const world = await start();
    const { server, alice, bob } = world;
    const [joined, invited] = [await createRoom(world), await createRoom(world)];
    await ask(world, bob, `rooms/${joined}/join`, { reason: 'Thirst' });
    await ask(world, alice, `rooms/${invited}/invite`, { user_id: bob.userId });
    const counts = [await countEvents(world, joined), await countEvents(world, invited)];
    const profile = `/_matrix/client/v3/profile/${encodeURIComponent(bob.userId)}/displayname`;
    const set = (displayname: string) => server.ok('PUT', profile, { token: bob.accessToken, body: { displayname } });
    await set('Bob');
    expect(await memberOf(world, joined, bob.userId)).toEqual({ membership: 'join', displayname: 'Bob' });
    await set('Bob');
    expect([await countEvents(world, joined), await countEvents(world, invited)]).toEqual([
      (counts[0] ?? 0) + 1,
      counts[1],
    ]);
  });

  test('the end of an account leaves its rooms and declines its invites', async () => {
    const world = await start();
    const { server, alice, bob } = world;
    const [joined, invited] = [await createRoom(world), await createRoom(world)];
    await ask(world, bob, `join/${joined}`);
    await ask(world, alice, `rooms/${invited}/invite`, { user_id: bob.userId });
    await server.server.services.rooms.membershipChanges.leaveAll(bob.userId, () => false);
    for (const roomId of [joined, invited]) {
      expect(await memberOf(world, roomId, bob.userId)).toEqual({ membership: 'leave' });
    }
  });
});

describe('membership as a state event', () => {
  test('goes by the rules of memberships, with the content of the client', async () => {
    const world = await start();
    const { server, alice, bob, carol } = world;
    const roomId = await createRoom(world);
    const set = async (who: Session, target: string, body: JsonObject) => {
      const path = `/_matrix/client/v3/rooms/${roomId}/state/m.room.member/${encodeURIComponent(target)}`;
      const answer = await server.request('PUT', path, { token: who.accessToken, body });
      return answer.status === 200 ? [200] : [answer.status, answer.body.errcode];
    };
    expect(await set(bob, bob.userId, { membership: 'join', displayname: 'Only here' })).toEqual([200]);
    expect(await memberOf(world, roomId, bob.userId)).toEqual({ membership: 'join', displayname: 'Only here' });
    expect(await set(alice, carol.userId, { membership: 'invite', x: 1 })).toEqual([200]);
    expect(await memberOf(world, roomId, carol.userId)).toMatchObject({ membership: 'invite', x: 1 });
    expect(await set(carol, bob.userId, { membership: 'ban' })).toEqual([403, 'M_FORBIDDEN']);
    expect(await set(alice, bob.userId, { membership: 'join' })).toEqual([403, 'M_FORBIDDEN']);
    expect(await set(alice, bob.userId, { membership: 'party' })).toEqual([403, 'M_FORBIDDEN']);
    expect(await set(alice, bob.userId, {})).toEqual([403, 'M_FORBIDDEN']);
    expect(await set(alice, '@x:elsewhere', { membership: 'invite' })).toEqual([502, 'M_UNKNOWN']);
    expect(await set(bob, bob.userId, { membership: 'leave' })).toEqual([200]);
  });
});
