import type { JsonObject } from '@limpet/protocol/json';
import { ROOM_VERSION_IDS } from '@limpet/protocol/room-version';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createRemoteWorld, type RemoteServer, type RemoteWorld } from './support/remote-server.ts';

let world: RemoteWorld;
let far: RemoteServer;
let alice: Session;

beforeEach(async () => {
  world = await createRemoteWorld(['far.test', 'evil.test']);
  far = world.remote('far.test');
  alice = await world.home.createUser('alice');
});

afterEach(() => world.stop());

const ALL_VERSIONS = ROOM_VERSION_IDS.map((id) => `ver=${id}`).join('&');

async function createRoom(body: JsonObject = {}): Promise<string> {
  const answer = await world.home.ok('POST', '/_matrix/client/v3/createRoom', {
    token: alice.accessToken,
    body: { preset: 'public_chat', ...body },
  });
  return String(answer.room_id);
}

function makePath(kind: string, roomId: string, userId: string, query = ALL_VERSIONS): string {
  const path = `/_matrix/federation/v1/make_${kind}/${encodeURIComponent(roomId)}/${encodeURIComponent(userId)}`;
  return query === '' ? path : `${path}?${query}`;
}

async function send(roomId: string, type: string, content: JsonObject, stateKey = ''): Promise<void> {
  const path = `/_matrix/client/v3/rooms/${roomId}/state/${type}/${encodeURIComponent(stateKey)}`;
  await world.home.ok('PUT', path, { token: alice.accessToken, body: content });
}

describe('make_join', () => {
  test.each(ROOM_VERSION_IDS)('gives a template in room version %s', async (version) => {
    const roomId = await createRoom({ room_version: version });
    const bob = far.userId('bob');
    const { status, body } = await far.ask('GET', makePath('join', roomId, bob));
    expect(status).toBe(200);
    expect(body).toEqual({
      room_version: version,
      event: {
        room_id: roomId,
        type: 'm.room.member',
        sender: bob,
        state_key: bob,
        content: { membership: 'join' },
        origin: 'home.test',
        origin_server_ts: expect.any(Number),
        depth: expect.any(Number),
        prev_events: [expect.anything()],
        auth_events: expect.any(Array),
      },
    });
    const { pdu } = far.complete(body);
    expect(pdu.prevEvents).toHaveLength(1);
    // The create event (up to version 11), power levels, join rules.
    expect(pdu.authEvents).toHaveLength(version === '12' ? 2 : 3);
  });

  test('names the version of the room where the asking server does not know it', async () => {
    const roomId = await createRoom({ room_version: '11' });
    for (const query of ['ver=10', '', 'ver=1&ver=2', 'ver=1,10']) {
      const { status, body } = await far.ask('GET', makePath('join', roomId, far.userId('bob'), query));
      expect([status, body.errcode, body.room_version]).toEqual([400, 'M_INCOMPATIBLE_ROOM_VERSION', '11']);
    }
    const good = await far.ask('GET', makePath('join', roomId, far.userId('bob'), 'ver=10,11'));
    expect(good.status).toBe(200);
  });

  test('refuses rooms that are unknown, closed or left, and users of others', async () => {
    const open = await createRoom();
    const closed = await createRoom({ preset: 'private_chat' });
    const left = await createRoom();
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${left}/leave`, { token: alice.accessToken, body: {} });
    const bob = far.userId('bob');
    const ask = async (roomId: string, userId = bob) => far.outcome('GET', makePath('join', roomId, userId));
    expect(await ask('!unknown:home.test')).toEqual([404, 'M_NOT_FOUND']);
    expect(await ask(closed)).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask(left)).toEqual([404, 'M_NOT_FOUND']);
    expect(await ask(open, '@bob:evil.test')).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask(open, alice.userId)).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask(open, 'bob')).toEqual([400, 'M_INVALID_PARAM']);
    expect(await ask('no room')).toEqual([400, 'M_INVALID_PARAM']);
  });

  test('obeys the access control list of the room', async () => {
    const roomId = await createRoom();
    await send(roomId, 'm.room.server_acl', { allow: ['*'], deny: ['evil.test'] });
    const evil = world.remote('evil.test');
    expect(await evil.outcome('GET', makePath('join', roomId, evil.userId('eve')))).toEqual([403, 'M_FORBIDDEN']);
    expect((await far.ask('GET', makePath('join', roomId, far.userId('bob')))).status).toBe(200);
  });

  test('takes no request that is not signed', async () => {
    const roomId = await createRoom();
    const path = makePath('join', roomId, far.userId('bob'));
    expect((await world.home.request('GET', path)).status).toBe(401);
    expect((await world.home.request('GET', path, { token: alice.accessToken })).status).toBe(401);
  });
});

describe('make_join of restricted rooms', () => {
  async function restricted(allow: JsonObject[], body: JsonObject = {}): Promise<string> {
    const content = { join_rule: 'restricted', allow: allow as never };
    const initial_state = [{ type: 'm.room.join_rules', state_key: '', content }];
    return createRoom({ initial_state: initial_state as never, ...body });
  }

  const allowing = (roomId: string) => ({ type: 'm.room_membership', room_id: roomId });

  test('refuses who is in no room that is allowed', async () => {
    const other = await createRoom();
    const roomId = await restricted([allowing(other)]);
    const outcome = await far.outcome('GET', makePath('join', roomId, far.userId('bob')));
    expect(outcome).toEqual([403, 'M_FORBIDDEN']);
  });

  test('refuses everybody where no condition is understood', async () => {
    const roomId = await restricted([{ type: 'org.example.passport' }]);
    const outcome = await far.outcome('GET', makePath('join', roomId, far.userId('bob')));
    expect(outcome).toEqual([403, 'M_FORBIDDEN']);
  });

  test('says that it cannot tell of rooms that it is not in', async () => {
    const left = await createRoom();
    const roomId = await restricted([allowing(left)]);
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${left}/leave`, { token: alice.accessToken, body: {} });
    const unknown = await restricted([allowing('!elsewhere:far.test')]);
    for (const one of [roomId, unknown]) {
      const outcome = await far.outcome('GET', makePath('join', one, far.userId('bob')));
      expect(outcome).toEqual([400, 'M_UNABLE_TO_AUTHORISE_JOIN']);
    }
  });
});

describe('make_knock', () => {
  test('gives a template where the room takes knocks, and refuses it elsewhere', async () => {
    const rules = { type: 'm.room.join_rules', state_key: '', content: { join_rule: 'knock' } };
    const roomId = await createRoom({ initial_state: [rules] as never });
    const { status, body } = await far.ask('GET', makePath('knock', roomId, far.userId('bob')));
    expect(status).toBe(200);
    expect((body.event as JsonObject).content).toEqual({ membership: 'knock' });
    const closed = await createRoom({ preset: 'private_chat' });
    const ask = (room: string, query?: string) => far.outcome('GET', makePath('knock', room, far.userId('bob'), query));
    expect(await ask(closed)).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask(roomId, 'ver=1')).toEqual([400, 'M_INCOMPATIBLE_ROOM_VERSION']);
    expect(await ask('!unknown:home.test')).toEqual([404, 'M_NOT_FOUND']);
    const old = await createRoom({ room_version: '6' });
    expect(await ask(old)).toEqual([403, 'M_FORBIDDEN']);
  });
});

describe('make_leave', () => {
  test('refuses who was never there', async () => {
    const roomId = await createRoom();
    const ask = (room: string, userId: string) => far.outcome('GET', makePath('leave', room, userId));
    expect(await ask(roomId, far.userId('bob'))).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask(roomId, alice.userId)).toEqual([403, 'M_FORBIDDEN']);
    expect(await ask('!unknown:home.test', far.userId('bob'))).toEqual([404, 'M_NOT_FOUND']);
  });
});
