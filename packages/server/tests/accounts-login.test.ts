import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestServer, type TestServer } from './support/test-server.ts';

const LOGIN = '/_matrix/client/v3/login';
const WHOAMI = '/_matrix/client/v3/account/whoami';

let server: TestServer;

beforeEach(async () => {
  server = await createTestServer();
  await server.createUser('alice');
});

afterEach(() => server.stop());

function loginAs(user: string, more: object = {}) {
  const identifier = { type: 'm.id.user', user };
  const body = { type: 'm.login.password', identifier, password: 'password of alice', ...more };
  return server.request('POST', LOGIN, { body });
}

describe('logging in', () => {
  test('by password is what is offered, and it opens a session', async () => {
    expect(await server.ok('GET', LOGIN)).toMatchObject({ flows: [{ type: 'm.login.password' }, {}] });
    const { status, body } = await loginAs('alice', { initial_device_display_name: 'Phone' });
    expect(status).toBe(200);
    expect(body).toEqual({
      user_id: '@alice:localhost',
      access_token: expect.stringMatching(/^limpet_[\w-]{43}$/),
      device_id: expect.stringMatching(/^[A-Z2-7]{10}$/),
    });
    const token = String(body.access_token);
    expect(await server.ok('GET', WHOAMI, { token })).toEqual({
      user_id: '@alice:localhost',
      device_id: body.device_id,
      is_guest: false,
    });
    const devicePath = `/_matrix/client/v3/devices/${body.device_id}`;
    expect(await server.ok('GET', devicePath, { token })).toMatchObject({ display_name: 'Phone' });
  });

  test.each(['alice', 'Alice', '@alice', '@alice:localhost'])('the user may be written %j', async (user) => {
    expect((await loginAs(user)).body).toMatchObject({ user_id: '@alice:localhost' });
  });

  test('older clients name the user without an identifier', async () => {
    const body = { type: 'm.login.password', user: 'alice', password: 'password of alice' };
    expect(await server.ok('POST', '/_matrix/client/r0/login', { body })).toMatchObject({
      user_id: '@alice:localhost',
    });
  });

  test('with the ID of a device again replaces its token and keeps its name', async () => {
    const first = await loginAs('alice', { device_id: 'PHONE', initial_device_display_name: 'Phone' });
    await server.ok('GET', WHOAMI, { token: String(first.body.access_token) });
    const second = await loginAs('alice', { device_id: 'PHONE', initial_device_display_name: 'Tablet' });
    expect(second.body).toMatchObject({ device_id: 'PHONE' });
    expect(await server.request('GET', WHOAMI, { token: String(first.body.access_token) })).toMatchObject({
      status: 401,
      body: { errcode: 'M_UNKNOWN_TOKEN' },
    });
    const token = String(second.body.access_token);
    const device = await server.ok('GET', '/_matrix/client/v3/devices/PHONE', { token });
    expect(device).toMatchObject({ device_id: 'PHONE', display_name: 'Phone' });
  });

  test('a wrong password and a user that does not exist get the same answer', async () => {
    const wrong = await loginAs('alice', { password: 'password of bob' });
    const nobody = await loginAs('nobody');
    const elsewhere = await loginAs('@alice:elsewhere');
    expect(wrong).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    expect([nobody.text, elsewhere.text]).toEqual([wrong.text, wrong.text]);
  });

  test.each<[string, object, number, string]>([
    ['no type', { type: undefined }, 400, 'M_MISSING_PARAM'],
    ['a type that is not offered', { type: 'm.login.sso' }, 400, 'M_UNKNOWN'],
    ['no password', { password: undefined }, 400, 'M_MISSING_PARAM'],
    ['a password that is no text', { password: 7 }, 400, 'M_BAD_JSON'],
    ['no user', { identifier: undefined }, 400, 'M_MISSING_PARAM'],
    ['an identifier without a user', { identifier: { type: 'm.id.user' } }, 400, 'M_MISSING_PARAM'],
    ['an identifier that is no object', { identifier: 'alice' }, 400, 'M_BAD_JSON'],
    ['a user that is no text', { identifier: { type: 'm.id.user', user: 7 } }, 400, 'M_BAD_JSON'],
    ['an e-mail address', { identifier: { type: 'm.id.thirdparty', medium: 'email' } }, 403, 'M_FORBIDDEN'],
    ['an e-mail address without a type', { identifier: { medium: 'email', address: 'a@b.c' } }, 403, 'M_FORBIDDEN'],
    ['an e-mail address as old clients have it', { identifier: undefined, medium: 'email' }, 403, 'M_FORBIDDEN'],
    ['a phone number', { identifier: { type: 'm.id.phone', phone: '1' } }, 403, 'M_FORBIDDEN'],
    ['an identifier without a type', { identifier: { user: 'alice' } }, 400, 'M_BAD_JSON'],
    ['an unknown identifier', { identifier: { type: 'org.example' } }, 400, 'M_UNKNOWN'],
    ['a device ID that cannot be', { device_id: '' }, 400, 'M_INVALID_PARAM'],
    ['a device ID that is too long', { device_id: 'x'.repeat(256) }, 400, 'M_INVALID_PARAM'],
    ['a device name that is too long', { initial_device_display_name: 'x'.repeat(257) }, 400, 'M_INVALID_PARAM'],
  ])('%s is refused', async (_what, more, status, errcode) => {
    expect(await loginAs('alice', more)).toMatchObject({ status, body: { errcode, error: expect.any(String) } });
  });

  test('a deactivated user is told so', async () => {
    await server.server.admin.deactivateUser({ name: 'alice', erase: false });
    expect(await loginAs('alice')).toMatchObject({ status: 403, body: { errcode: 'M_USER_DEACTIVATED' } });
  });
});

describe('logging out', () => {
  test('ends the session at once, and takes the device with it', async () => {
    const { accessToken: token } = await server.createUser('bob');
    const body = { type: 'm.login.password', user: 'bob', password: 'password of bob' };
    const other = String((await server.ok('POST', LOGIN, { body })).access_token);
    await server.ok('GET', WHOAMI, { token });
    await server.ok('POST', '/_matrix/client/v3/logout', { token });
    expect(await server.request('GET', WHOAMI, { token })).toMatchObject({
      status: 401,
      body: { errcode: 'M_UNKNOWN_TOKEN' },
    });
    const { devices } = await server.ok('GET', '/_matrix/client/v3/devices', { token: other });
    expect(devices).toHaveLength(1);
  });

  test('everywhere ends all sessions of the user, and nobody else’s', async () => {
    const first = String((await loginAs('alice')).body.access_token);
    const second = String((await loginAs('alice')).body.access_token);
    const { accessToken: bobs } = await server.createUser('bob');
    for (const token of [first, second, bobs]) await server.ok('GET', WHOAMI, { token });
    await server.ok('POST', '/_matrix/client/v3/logout/all', { token: first });
    const answers = await Promise.all([first, second, bobs].map((token) => server.request('GET', WHOAMI, { token })));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 200]);
  });
});

describe('an access token', () => {
  test('is missing or wrong', async () => {
    expect(await server.request('GET', WHOAMI)).toMatchObject({ status: 401, body: { errcode: 'M_MISSING_TOKEN' } });
    expect(await server.request('GET', WHOAMI, { token: `limpet_${'A'.repeat(43)}` })).toMatchObject({
      status: 401,
      body: { errcode: 'M_UNKNOWN_TOKEN' },
    });
  });

  test('survives a restart, and stands nowhere in the database', async () => {
    const { accessToken: token } = await server.createUser('bob');
    const again = await createTestServer({ storage: server.storage, seed: 2 });
    expect(await again.ok('GET', WHOAMI, { token })).toMatchObject({ user_id: '@bob:localhost' });
    await again.stop();
    const kept = await server.storage.read<Record<string, never>, object>({ text: 'select * from access_tokens' }, {});
    expect(kept).toHaveLength(2);
    expect(JSON.stringify(kept)).not.toContain(token);
  });
});

describe('guessing passwords', () => {
  test('of one account is slowed down, from wherever it comes', async () => {
    const slow = await createTestServer({
      config: { rate_limits: { enabled: true } },
      rateLimits: { loginToAccount: { burst: 2, perSecond: 0.001 } },
    });
    await slow.createUser('alice');
    const body = { type: 'm.login.password', user: 'alice', password: 'a guess' };
    const statuses: number[] = [];
    for (let guess = 0; guess < 3; guess++) statuses.push((await slow.request('POST', LOGIN, { body })).status);
    expect(statuses).toEqual([403, 403, 429]);
    const other = { ...body, user: 'bob' };
    expect((await slow.request('POST', LOGIN, { body: other })).status).toBe(403);
    await slow.stop();
  });
});
