import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLOSED_TO_SUSPENDED, endpointName, OPEN_TO_GUESTS, OPEN_WHILE_LOCKED } from '../src/http/account-standing.ts';
import { createTestServer, type Method, type TestServer } from './support/test-server.ts';

/** Locks, suspension, and what administrators see of accounts. One server for all. */

const V3 = '/_matrix/client/v3';
const V1_ADMIN = '/_matrix/client/v1/admin';

let server: TestServer;
let admin: string;
let alice: string;
let roomId: string;
let saidByAdmin: string;
let saidByAlice: string;

beforeAll(async () => {
  server = await createTestServer();
  admin = (await server.createUser('admin', { isAdmin: true })).accessToken;
  await server.createUser('other-admin', { isAdmin: true });
  alice = (await server.createUser('alice')).accessToken;
  roomId = String(
    (await server.ok('POST', `${V3}/createRoom`, { token: admin, body: { preset: 'public_chat' } })).room_id,
  );
  await server.ok('POST', `${V3}/join/${roomId}`, { token: alice, body: {} });
  const powers = { users: { '@alice:localhost': 50 } };
  await server.ok('PUT', `${V3}/rooms/${roomId}/state/m.room.power_levels`, { token: admin, body: powers });
  saidByAdmin = await say(admin);
  saidByAlice = await say(alice);
});

afterAll(() => server.stop());

let count = 0;

async function say(token: string): Promise<string> {
  count++;
  const path = `${V3}/rooms/${roomId}/send/m.room.message/${count}`;
  return String((await server.ok('PUT', path, { token, body: { body: 'hello' } })).event_id);
}

function ask(method: Method, path: string, body?: JsonObject, token = alice) {
  return server.request(method, `${V3}/${path}`, { token, ...(body === undefined ? {} : { body }) });
}

function change(kind: 'lock' | 'suspend', user: string, isRestricted: boolean, token = admin) {
  const body = kind === 'lock' ? { locked: isRestricted } : { suspended: isRestricted };
  return server.request('PUT', `${V1_ADMIN}/${kind}/${user}`, { token, body });
}

describe('a locked account', () => {
  const LOCKED = { status: 401, body: { errcode: 'M_USER_LOCKED', soft_logout: true } };

  test('does nothing until it is unlocked, and its sessions go on', async () => {
    expect(await change('lock', '@alice:localhost', true)).toMatchObject({ status: 200, body: { locked: true } });
    expect(await server.ok('GET', `${V1_ADMIN}/lock/@alice:localhost`, { token: admin })).toEqual({ locked: true });
    expect(await ask('GET', 'sync')).toMatchObject(LOCKED);
    expect(await ask('GET', 'account/whoami')).toMatchObject(LOCKED);
    const identifier = { type: 'm.id.user', user: 'alice' };
    const login = { type: 'm.login.password', identifier, password: 'password of alice' };
    expect(await server.request('POST', `${V3}/login`, { body: login })).toMatchObject(LOCKED);
    const wrong = { ...login, password: 'no password of alice' };
    expect(await server.request('POST', `${V3}/login`, { body: wrong })).toMatchObject({ status: 403 });
    expect(await change('lock', '@alice:localhost', false)).toMatchObject({ status: 200, body: { locked: false } });
    expect(await ask('GET', 'account/whoami')).toMatchObject({ status: 200 });
  });

  test('may log out, and its refresh tokens bring nothing', async () => {
    const identifier = { type: 'm.id.user', user: 'alice' };
    const body = { type: 'm.login.password', identifier, password: 'password of alice', refresh_token: true };
    const session = await server.ok('POST', `${V3}/login`, { body });
    await change('lock', '@alice:localhost', true);
    const refresh = { body: { refresh_token: session.refresh_token ?? '' } };
    expect(await server.request('POST', `${V3}/refresh`, refresh)).toMatchObject(LOCKED);
    const token = String(session.access_token);
    await server.ok('POST', `${V3}/logout`, { token, body: {} });
    await change('lock', '@alice:localhost', false);
    expect(await ask('GET', 'account/whoami', undefined, token)).toMatchObject({
      body: { errcode: 'M_UNKNOWN_TOKEN' },
    });
  });
});

describe('a suspended account', () => {
  beforeAll(async () => {
    expect(await change('suspend', '@alice:localhost', true)).toMatchObject({ body: { suspended: true } });
    const path = `${V1_ADMIN}/suspend/@alice:localhost`;
    expect(await server.ok('GET', path, { token: admin })).toEqual({ suspended: true });
  });

  test.each<[Method, string, JsonObject]>([
    ['POST', 'createRoom', {}],
    ['POST', 'join/ROOM', {}],
    ['POST', 'knock/ROOM', {}],
    ['POST', 'rooms/ROOM/invite', { user_id: '@other-admin:localhost' }],
    ['POST', 'rooms/ROOM/kick', { user_id: '@admin:localhost' }],
    ['PUT', 'rooms/ROOM/send/m.room.message/x', { body: 'hello' }],
    ['PUT', 'rooms/ROOM/send/m.room.message/y?org.matrix.msc4140.delay=1000', { body: 'later' }],
    ['PUT', 'rooms/ROOM/delayed_event/m.room.message/z', { delay_ms: 1000, content: {} }],
    ['PUT', 'rooms/ROOM/state/m.room.topic', { topic: 'x' }],
    ['PUT', 'profile/@alice:localhost/displayname', { displayname: 'Mallory' }],
    ['DELETE', 'profile/@alice:localhost/displayname', {}],
  ])('may not %s %s', async (method, path, body) => {
    const answer = await ask(method, path.replace('ROOM', roomId), body);
    expect(answer).toMatchObject({ status: 403, body: { errcode: 'M_USER_SUSPENDED' } });
  });

  test('reads, takes back what it said itself, and leaves', async () => {
    expect(await ask('GET', 'sync')).toMatchObject({ status: 200 });
    expect(await ask('GET', `rooms/${roomId}/messages?dir=b`)).toMatchObject({ status: 200 });
    const others = await ask('PUT', `rooms/${roomId}/redact/${saidByAdmin}/1`, {});
    expect(others).toMatchObject({ status: 403, body: { errcode: 'M_USER_SUSPENDED' } });
    expect(await ask('PUT', `rooms/${roomId}/redact/${saidByAlice}/2`, {})).toMatchObject({ status: 200 });
    expect(await ask('POST', `rooms/${roomId}/leave`, {})).toMatchObject({ status: 200 });
  });

  test('may do all again when it is no longer suspended', async () => {
    expect(await change('suspend', '@alice:localhost', false)).toMatchObject({ body: { suspended: false } });
    expect(await ask('POST', `join/${roomId}`, {})).toMatchObject({ status: 200 });
  });
});

describe('administration', () => {
  test.each(['lock', 'suspend'] as const)('%s is for administrators, and for accounts of others', async (kind) => {
    const forbidden = { status: 403, body: { errcode: 'M_FORBIDDEN' } };
    expect(await change(kind, '@admin:localhost', true, alice)).toMatchObject(forbidden);
    // Who may not ask learns nothing of who there is.
    expect(await change(kind, '@nobody:localhost', true, alice)).toMatchObject(forbidden);
    expect(await change(kind, '@admin:localhost', true)).toMatchObject(forbidden);
    expect(await change(kind, '@other-admin:localhost', true)).toMatchObject(forbidden);
    expect(await change(kind, '@x:elsewhere', true)).toMatchObject({
      status: 400,
      body: { errcode: 'M_INVALID_PARAM' },
    });
    expect(await change(kind, '@nobody:localhost', true)).toMatchObject({
      status: 404,
      body: { errcode: 'M_NOT_FOUND' },
    });
    const path = `${V1_ADMIN}/${kind}/@nobody:localhost`;
    expect(await server.request('GET', path, { token: admin })).toMatchObject({ status: 404 });
    expect(await server.request('GET', path, { token: alice })).toMatchObject(forbidden);
    const nothing = await server.request('PUT', path, { token: admin, body: {} });
    expect(nothing).toMatchObject({ status: 400, body: { errcode: 'M_MISSING_PARAM' } });
  });

  test('administrators are told that they can', async () => {
    const ofAdmin = await server.ok('GET', `${V3}/capabilities`, { token: admin });
    expect(ofAdmin).toMatchObject({ capabilities: { 'm.account_moderation': { lock: true, suspend: true } } });
    const ofAlice = await server.ok('GET', `${V3}/capabilities`, { token: alice });
    expect(ofAlice.capabilities).not.toHaveProperty('m.account_moderation');
  });

  test('the command line reaches administrators, too', async () => {
    const { admin: commands } = server.server;
    await commands.restrictUser({ name: 'other-admin', restriction: 'locked', isRestricted: true });
    const { users } = await commands.listUsers({});
    expect(users.filter(({ isLocked }) => isLocked).map(({ userId }) => userId)).toEqual(['@other-admin:localhost']);
    const nobody = commands.restrictUser({ name: 'nobody', restriction: 'suspended', isRestricted: true });
    await expect(nobody).rejects.toMatchObject({ errcode: 'M_NOT_FOUND' });
  });

  test('whois: one’s own account, and to administrators those of all', async () => {
    const body = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'alice' },
      password: 'password of alice',
      device_id: 'TEAPOT',
    };
    const headers = { 'user-agent': 'curl/7' };
    const { access_token: token } = await server.ok('POST', `${V3}/login`, { body, headers });
    const seen = await server.ok('GET', `${V3}/admin/whois/@alice:localhost`, { token: String(token) });
    const connection = { ip: '127.0.0.1', last_seen: expect.any(Number), user_agent: 'curl/7' };
    expect(seen).toMatchObject({
      user_id: '@alice:localhost',
      devices: { TEAPOT: { sessions: [{ connections: [connection] }] } },
    });
    expect(await ask('GET', 'admin/whois/@alice:localhost', undefined, admin)).toMatchObject({ status: 200 });
    expect(await ask('GET', 'admin/whois/@admin:localhost')).toMatchObject({ status: 403 });
    expect(await ask('GET', 'admin/whois/@nobody:localhost')).toMatchObject({ status: 403 });
    expect(await ask('GET', 'admin/whois/@nobody:localhost', undefined, admin)).toMatchObject({ status: 404 });
    expect(await ask('GET', 'admin/whois/@x:elsewhere', undefined, admin)).toMatchObject({ status: 400 });
  });
});

test('the tables of what guests and restricted accounts may do name endpoints that there are', () => {
  const mounted = new Set(server.server.endpoints.map(endpointName));
  const named = [...OPEN_TO_GUESTS, ...CLOSED_TO_SUSPENDED, ...OPEN_WHILE_LOCKED];
  expect(named.filter((name) => !mounted.has(name))).toEqual([]);
});
