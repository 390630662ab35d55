import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createTestServer, type Method, type TestServer } from './support/test-server.ts';

const servers: TestServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

interface World {
  readonly server: TestServer;
  readonly alice: Session;
  readonly bob: Session;
  readonly roomId: string;
  /** The status, and the errcode or the body. */
  ask(method: Method, path: string, who?: Session, body?: JsonObject): Promise<unknown[]>;
}

async function start(): Promise<World> {
  const server = await createTestServer();
  servers.push(server);
  const [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
  const { room_id: roomId } = await server.ok('POST', '/_matrix/client/v3/createRoom', {
    token: alice.accessToken,
    body: { preset: 'public_chat' },
  });
  return {
    server,
    alice,
    bob,
    roomId: String(roomId),
    async ask(method, path, who, body) {
      const answer = await server.request(method, `/_matrix/client/v3/${path}`, {
        token: who?.accessToken,
        ...(body === undefined ? {} : { body }),
      });
      return [answer.status, answer.status === 200 ? answer.body : answer.body.errcode];
    },
  };
}

const PUB = 'directory/room/%23pub%3Alocalhost';

test('an alias is made by a member, found by anybody, and removed by who made it or may name the room', async () => {
  const { server, alice, bob, roomId, ask } = await start();
  expect(await ask('GET', PUB)).toEqual([404, 'M_NOT_FOUND']);
  expect(await ask('PUT', PUB, bob, { room_id: roomId })).toEqual([403, 'M_FORBIDDEN']);
  expect(await ask('PUT', PUB, alice, { room_id: '!none:localhost' })).toEqual([403, 'M_FORBIDDEN']);
  await server.ok('POST', `/_matrix/client/v3/join/${roomId}`, { token: bob.accessToken });
  expect(await ask('PUT', PUB, bob, { room_id: roomId })).toEqual([200, {}]);
  expect(await ask('PUT', PUB, alice, { room_id: roomId })).toEqual([409, 'M_UNKNOWN']);
  expect(await ask('GET', PUB)).toEqual([200, { room_id: roomId, servers: ['localhost'] }]);
  expect(await ask('PUT', 'directory/room/%23ours%3Alocalhost', alice, { room_id: roomId })).toEqual([200, {}]);
  const aliases = ['#ours:localhost', '#pub:localhost'];
  expect(await ask('GET', `rooms/${roomId}/aliases`, bob)).toEqual([200, { aliases }]);
  // Bob made the one, and has no power over the other; Alice has.
  expect(await ask('DELETE', 'directory/room/%23ours%3Alocalhost', bob)).toEqual([403, 'M_FORBIDDEN']);
  expect(await ask('DELETE', PUB, bob)).toEqual([200, {}]);
  expect(await ask('DELETE', PUB, bob)).toEqual([404, 'M_NOT_FOUND']);
  expect(await ask('PUT', PUB, bob, { room_id: roomId })).toEqual([200, {}]);
  expect(await ask('DELETE', PUB, alice)).toEqual([200, {}]);
  expect(await ask('GET', `rooms/${roomId}/aliases`, alice)).toEqual([200, { aliases: ['#ours:localhost'] }]);
});

test('an alias is one, and of this server', async () => {
  const { alice, roomId, ask } = await start();
  const body = { room_id: roomId };
  expect(await ask('PUT', 'directory/room/pub', alice, body)).toEqual([400, 'M_INVALID_PARAM']);
  expect(await ask('PUT', 'directory/room/%23pub%3Aelsewhere', alice, body)).toEqual([400, 'M_INVALID_PARAM']);
  expect(await ask('PUT', PUB, alice, {})).toEqual([400, 'M_MISSING_PARAM']);
  expect(await ask('PUT', PUB, alice, { room_id: 'x' })).toEqual([400, 'M_INVALID_PARAM']);
  expect(await ask('PUT', PUB, undefined, body)).toEqual([401, 'M_MISSING_TOKEN']);
});

test('aliases are listed to members, and to anybody where anybody may read', async () => {
  const { server, alice, bob, roomId, ask } = await start();
  expect(await ask('GET', `rooms/${roomId}/aliases`, bob)).toEqual([403, 'M_FORBIDDEN']);
  expect(await ask('GET', 'rooms/!none:localhost/aliases', bob)).toEqual([403, 'M_FORBIDDEN']);
  await server.ok('PUT', `/_matrix/client/v3/rooms/${roomId}/state/m.room.history_visibility`, {
    token: alice.accessToken,
    body: { history_visibility: 'world_readable' },
  });
  expect(await ask('GET', `rooms/${roomId}/aliases`, bob)).toEqual([200, { aliases: [] }]);
});

test('a room is listed by who may name it', async () => {
  const { server, alice, bob, roomId, ask } = await start();
  const path = `directory/list/room/${roomId}`;
  expect(await ask('GET', path)).toEqual([200, { visibility: 'private' }]);
  expect(await ask('PUT', path, bob, { visibility: 'public' })).toEqual([403, 'M_FORBIDDEN']);
  await server.ok('POST', `/_matrix/client/v3/join/${roomId}`, { token: bob.accessToken });
  expect(await ask('PUT', path, bob, { visibility: 'public' })).toEqual([403, 'M_FORBIDDEN']);
  expect(await ask('PUT', path, alice, { visibility: 'secret' })).toEqual([400, 'M_INVALID_PARAM']);
  expect(await ask('PUT', path, alice, {})).toEqual([200, {}]);
  expect(await ask('GET', path)).toEqual([200, { visibility: 'public' }]);
  expect(await ask('PUT', path, alice, { visibility: 'private' })).toEqual([200, {}]);
  expect(await ask('GET', path)).toEqual([200, { visibility: 'private' }]);
  expect(await ask('GET', 'directory/list/room/!none:localhost')).toEqual([404, 'M_NOT_FOUND']);
  expect(await ask('PUT', 'directory/list/room/!none:localhost', alice, {})).toEqual([404, 'M_NOT_FOUND']);
});
