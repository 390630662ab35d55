import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestServer, type TestServer } from './support/test-server.ts';

const V3 = '/_matrix/client/v3';
const BLOCKED = { status: 403, body: { errcode: 'M_INVITE_BLOCKED' } };

let server: TestServer;
let alice: string;
let bob: string;
let roomId: string;

beforeAll(async () => {
  server = await createTestServer();
  alice = (await server.createUser('alice')).accessToken;
  bob = (await server.createUser('bob')).accessToken;
  roomId = String((await server.ok('POST', `${V3}/createRoom`, { token: alice, body: {} })).room_id);
});

afterAll(() => server.stop());

async function setPermission(content: { default_action?: string }, type = 'm.invite_permission_config'): Promise<void> {
  const path = `${V3}/user/@bob:localhost/account_data/${type}`;
  await server.ok('PUT', path, { token: bob, body: content });
}

function invite() {
  return server.request('POST', `${V3}/rooms/${roomId}/invite`, { token: alice, body: { user_id: '@bob:localhost' } });
}

test('who takes no invites is invited in no way, and other users are', async () => {
  await setPermission({ default_action: 'block' });
  expect(await invite()).toMatchObject(BLOCKED);
  const member = `${V3}/rooms/${roomId}/state/m.room.member/@bob:localhost`;
  expect(await server.request('PUT', member, { token: alice, body: { membership: 'invite' } })).toMatchObject(BLOCKED);
  const room = { invite: ['@bob:localhost'] };
  expect(await server.request('POST', `${V3}/createRoom`, { token: alice, body: room })).toMatchObject(BLOCKED);
  await server.createUser('carol');
  await server.ok('POST', `${V3}/rooms/${roomId}/invite`, { token: alice, body: { user_id: '@carol:localhost' } });
});

test('the older name of the setting works, too', async () => {
  await setPermission({});
  await setPermission({ default_action: 'block' }, 'org.matrix.msc4380.invite_permission_config');
  expect(await invite()).toMatchObject(BLOCKED);
  await setPermission({}, 'org.matrix.msc4380.invite_permission_config');
});

test('an invite from before is shown no more, as long as it is so', async () => {
  await server.ok('POST', `${V3}/rooms/${roomId}/invite`, { token: alice, body: { user_id: '@bob:localhost' } });
  const invites = async () => (await server.ok('GET', `${V3}/sync`, { token: bob })).rooms;
  expect(await invites()).toMatchObject({ invite: { [roomId]: {} } });
  await setPermission({ default_action: 'block' });
  expect((await invites()) ?? {}).not.toHaveProperty('invite');
  await setPermission({});
  expect(await invites()).toMatchObject({ invite: { [roomId]: {} } });
});

test('the server says that it knows the setting', async () => {
  const { versions, unstable_features: features } = await server.ok('GET', '/_matrix/client/versions');
  expect(versions).toContain('v1.18');
  expect(features).toMatchObject({ 'org.matrix.msc4380': true });
});
