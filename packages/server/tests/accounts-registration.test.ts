import { createHmac } from 'node:crypto';
import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, describe, expect, test } from 'vitest';
import { createManualWorld } from './support/manual-world.ts';
import { createTestServer, type TestServer, type TestServerOptions } from './support/test-server.ts';

const REGISTER = '/_matrix/client/v3/register';
const DUMMY = { type: 'm.login.dummy' };

let server: TestServer;

afterEach(() => server.stop());

async function serverWith(config: object, more: TestServerOptions = {}) {
  server = await createTestServer({ ...more, config: { ...config } });
  return server;
}

function register(body: JsonObject, query = '') {
  return server.request('POST', `${REGISTER}${query}`, { body });
}

const open = { registration: { mode: 'open' } };
const closed = { registration: { mode: 'closed' } };
const byToken = { registration: { mode: 'token' } };
const alice = { username: 'alice', password: 'wonderland' };

describe('open registration', () => {
  test('asks for nothing but a second request', async () => {
    await serverWith(open);
    const asked = await register({ ...alice, device_id: 'PHONE', initial_device_display_name: 'Phone' });
    expect(asked.status).toBe(401);
    expect(asked.body).toEqual({
      session: expect.any(String),
      flows: [{ stages: ['m.login.dummy'] }],
      params: {},
      completed: [],
    });
    const done = await register({ auth: { ...DUMMY, session: asked.body.session ?? '' } });
    expect(done).toMatchObject({ status: 200, body: { user_id: '@alice:localhost', device_id: 'PHONE' } });
    const token = String(done.body.access_token);
    const device = await server.ok('GET', '/_matrix/client/v3/devices/PHONE', { token });
    expect(device).toMatchObject({ display_name: 'Phone' });
    expect(
      await server.request('POST', REGISTER, { body: { auth: { ...DUMMY, session: asked.body.session ?? '' } } }),
    ).toMatchObject({ status: 401 });
  });

  test('takes the proof with the first request too', async () => {
    await serverWith(open);
    expect(await register({ ...alice, auth: DUMMY })).toMatchObject({ body: { user_id: '@alice:localhost' } });
  });

  test('makes up what is left out, and opens no session when none is wanted', async () => {
    await serverWith(open);
    const made = await register({ password: 'wonderland', auth: DUMMY });
    expect(made.body.user_id).toMatch(/^@[a-z2-7]{12}:localhost$/);
    expect(made.body.device_id).toMatch(/^[A-Z2-7]{10}$/);
    const quiet = await register({ ...alice, inhibit_login: true, auth: DUMMY });
    expect(quiet.body).toEqual({ user_id: '@alice:localhost' });
  });

  test.each<[string, JsonObject, string]>([
    ['a name with a space', { username: 'al ice' }, 'M_INVALID_USERNAME'],
    ['a whole user ID', { username: '@alice:localhost' }, 'M_INVALID_USERNAME'],
    ['a reserved name', { username: '_alice' }, 'M_INVALID_USERNAME'],
    ['a name that is taken', { username: 'Bob' }, 'M_USER_IN_USE'],
    ['a short password', { password: 'short' }, 'M_WEAK_PASSWORD'],
    ['the name as the password', { username: 'longenough', password: 'Longenough' }, 'M_WEAK_PASSWORD'],
    ['a password without end', { password: 'x'.repeat(1_025) }, 'M_INVALID_PARAM'],
    ['a name that is no text', { username: 7 }, 'M_BAD_JSON'],
  ])('refuses %s before it asks for a proof', async (_what, more, errcode) => {
    await serverWith(open);
    await server.createUser('bob');
    expect(await register({ ...alice, ...more })).toMatchObject({ status: 400, body: { errcode } });
  });

  test('refuses an account without a password, and keeps nothing of it', async () => {
    await serverWith(open);
    expect(await register({ username: 'alice', auth: DUMMY })).toMatchObject({
      status: 400,
      body: { errcode: 'M_MISSING_PARAM' },
    });
    expect(await register({ ...alice, auth: DUMMY })).toMatchObject({ status: 200 });
  });

  test('has no guests', async () => {
    await serverWith(open);
    expect(await register({}, '?kind=guest')).toMatchObject({
      status: 403,
      body: { errcode: 'M_GUEST_ACCESS_FORBIDDEN' },
    });
    expect(await register({}, '?kind=robot')).toMatchObject({ status: 400, body: { errcode: 'M_INVALID_PARAM' } });
  });

  test('gives a name to one of those who want it at the same time', async () => {
    await serverWith(open);
    const answers = await Promise.all(Array.from({ length: 5 }, () => register({ ...alice, auth: DUMMY })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400, 400]);
    const refused = answers.filter(({ status }) => status === 400);
    expect(new Set(refused.map(({ body }) => body.errcode))).toEqual(new Set(['M_USER_IN_USE']));
  });

  test('says whether a name is free', async () => {
    await serverWith(open);
    await server.createUser('bob');
    const ask = (name: string) => server.request('GET', `${REGISTER}/available?username=${name}`);
    expect(await ask('alice')).toMatchObject({ status: 200, body: { available: true } });
    expect(await ask('bob')).toMatchObject({ status: 400, body: { errcode: 'M_USER_IN_USE' } });
    expect(await ask('a%20b')).toMatchObject({ status: 400, body: { errcode: 'M_INVALID_USERNAME' } });
    expect(await server.request('GET', `${REGISTER}/available`)).toMatchObject({
      status: 400,
      body: { errcode: 'M_MISSING_PARAM' },
    });
  });

  test('never gives away the name of an account that ended', async () => {
    await serverWith(open);
    await server.createUser('alice');
    await server.server.admin.deactivateUser({ name: 'alice', erase: true });
    expect(await register({ ...alice, auth: DUMMY })).toMatchObject({ body: { errcode: 'M_USER_IN_USE' } });
  });
});

describe('the session of a registration', () => {
  test('is replaced when it is unknown, or too old', async () => {
    const world = createManualWorld();
    await serverWith(open, { world });
    const unknown = await register({ ...alice, auth: { ...DUMMY, session: 'forged' } });
    expect(unknown).toMatchObject({ status: 401, body: { errcode: 'M_UNKNOWN', completed: [] } });
    const session = String(unknown.body.session);
    expect(session).not.toBe('forged');
    world.advance(15 * 60_000);
    const late = await register({ ...alice, auth: { ...DUMMY, session } });
    expect(late).toMatchObject({ status: 401, body: { errcode: 'M_UNKNOWN' } });
    expect(await register({ ...alice, auth: { ...DUMMY, session: late.body.session ?? '' } })).toMatchObject({
      status: 200,
    });
  });

  test('goes on after a proof that is not offered', async () => {
    await serverWith(open);
    const answer = await register({ ...alice, auth: { type: 'm.login.recaptcha' } });
    expect(answer).toMatchObject({ status: 401, body: { errcode: 'M_UNRECOGNIZED' } });
    expect(await register({ auth: { ...DUMMY, session: answer.body.session ?? '' } })).toMatchObject({ status: 200 });
  });

  test('remembers the newest parameters', async () => {
    await serverWith(open);
    const { body } = await register({});
    const session = body.session ?? '';
    await register({ ...alice, auth: { session } });
    expect(await register({ auth: { ...DUMMY, session } })).toMatchObject({ body: { user_id: '@alice:localhost' } });
  });
});

describe('closed registration', () => {
  test('refuses everybody, and does not say who is there', async () => {
    await serverWith(closed);
    await server.createUser('bob');
    const answers = await Promise.all([
      register({ ...alice, auth: DUMMY }),
      server.request('GET', `${REGISTER}/available?username=bob`),
      server.request('GET', '/_matrix/client/v1/register/m.login.registration_token/validity?token=x'),
    ]);
    for (const answer of answers) expect(answer).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  });
});

describe('the first token', () => {
  const validity = (token: string) =>
    server.ok('GET', `/_matrix/client/v1/register/m.login.registration_token/validity?token=${token}`);

  test.each([closed, byToken, open])('makes one administrator, under $registration', async (config) => {
    await serverWith(config);
    const { registrationTokens, users } = server.server.services.accounts;
    const token = await registrationTokens.renewFirst();
    if (token === undefined) throw new Error('there was no first token');
    expect(await validity(token)).toEqual({ valid: true });
    expect(await validity('wrong')).toEqual({ valid: false });

    const auth = { type: 'm.login.registration_token', token };
    const wrong = await register({ ...alice, auth: { ...auth, token: 'wrong' } });
    expect(wrong).toMatchObject({ status: 401, body: { errcode: 'M_UNAUTHORIZED' } });
    expect(wrong.body.flows).toContainEqual({ stages: ['m.login.registration_token'] });
    const done = await register({ auth: { ...auth, session: wrong.body.session ?? '' }, ...alice });
    expect(done).toMatchObject({ status: 200, body: { user_id: '@alice:localhost' } });

    const listed = [];
    for await (const { userId, isAdmin } of users.list()) listed.push({ userId, isAdmin });
    expect(listed).toEqual([{ userId: '@alice:localhost', isAdmin: true }]);
    expect((await register({ ...alice, username: 'bob', auth })).status).not.toBe(200);
    expect(await registrationTokens.renewFirst()).toBeUndefined();
  });

  test('is used up by one of two at the same time', async () => {
    await serverWith(closed);
    const { registrationTokens, registration, users } = server.server.services.accounts;
    const token = await registrationTokens.renewFirst();
    // Both have passed the authentication stage, so the commit decides, on whatever database and in whatever order.
    const device = { deviceId: undefined, displayName: undefined, clientAddress: undefined };
    const outcomes = await Promise.allSettled(
      ['alice', 'bob'].map((username) =>
        registration.register({ username, password: `password of ${username}`, device, isAdmin: false, token }),
      ),
    );
    const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(refusals).toMatchObject([{ errcode: 'M_FORBIDDEN', status: 403 }]);
    const listed = [];
    for await (const { userId } of users.list()) listed.push(userId);
    expect(listed).toHaveLength(1);
  });

  test('is another one at each start, and the last one is dead', async () => {
    await serverWith(byToken);
    const { registrationTokens } = server.server.services.accounts;
    const [first, second] = [await registrationTokens.renewFirst(), await registrationTokens.renewFirst()];
    expect(await validity(first ?? '')).toEqual({ valid: false });
    expect(await validity(second ?? '')).toEqual({ valid: true });
  });

  test('dies when there is an administrator', async () => {
    await serverWith(byToken);
    const token = await server.server.services.accounts.registrationTokens.renewFirst();
    await server.createUser('root', { isAdmin: true });
    expect(await validity(token ?? '')).toEqual({ valid: false });
  });
});

describe('registration by the shared secret', () => {
  const PATH = '/_synapse/admin/v1/register';
  const secret = 'correct horse battery staple';
  const configured = { ...closed, registration_shared_secret: secret };

  async function signed(user: { username: string; password: string; admin?: boolean; user_type?: string }) {
    const { nonce } = await server.ok('GET', PATH);
    const { username, password, admin = false, user_type: type } = user;
    const text = [nonce, username, password, admin ? 'admin' : 'notadmin', ...(type === undefined ? [] : [type])];
    const mac = createHmac('sha1', secret).update(text.join('\0')).digest('hex');
    return { nonce: nonce ?? '', ...user, mac };
  }

  test('makes users and administrators, in closed mode too', async () => {
    await serverWith(configured);
    const user = await server.ok('POST', PATH, { body: { ...(await signed(alice)), displayname: 'Alice' } });
    expect(user).toEqual({
      user_id: '@alice:localhost',
      access_token: expect.any(String),
      device_id: expect.any(String),
      home_server: 'localhost',
    });
    const root = { username: 'root', password: 'wonderland', admin: true, user_type: 'bot' };
    await server.ok('POST', PATH, { body: await signed(root) });
    expect((await server.server.admin.listUsers({})).users).toMatchObject([
      { userId: '@alice:localhost', isAdmin: false },
      { userId: '@root:localhost', isAdmin: true },
    ]);
    expect(await server.ok('GET', '/_matrix/client/v3/profile/@alice:localhost')).toEqual({ displayname: 'Alice' });
  });

  test('takes a nonce once, and not after a minute', async () => {
    const world = createManualWorld();
    await serverWith(configured, { world });
    const body = await signed(alice);
    await server.ok('POST', PATH, { body });
    const again = await server.request('POST', PATH, { body });
    expect(again).toMatchObject({ status: 400, body: { errcode: 'M_UNKNOWN' } });
    const late = await signed({ ...alice, username: 'bob' });
    world.advance(60_000);
    expect(await server.request('POST', PATH, { body: late })).toMatchObject({ status: 400 });
  });

  test('a wrong signature is refused', async () => {
    await serverWith(configured);
    const forged = { ...(await signed(alice)), admin: true };
    expect(await server.request('POST', PATH, { body: forged })).toMatchObject({
      status: 403,
      body: { errcode: 'M_FORBIDDEN' },
    });
    expect((await server.server.admin.listUsers({})).users).toEqual([]);
  });

  test('a NUL that would move the parts of the signature is refused', async () => {
    await serverWith(configured);
    const body = await signed({ username: 'alice\0x', password: 'wonderland' });
    expect(await server.request('POST', PATH, { body })).toMatchObject({ body: { errcode: 'M_INVALID_PARAM' } });
  });

  test('is not there without a configured secret', async () => {
    await serverWith(closed);
    expect(await server.request('GET', PATH)).toMatchObject({ status: 404, body: { errcode: 'M_UNRECOGNIZED' } });
    const body = { nonce: 'x', ...alice, mac: 'x' };
    expect(await server.request('POST', PATH, { body })).toMatchObject({ status: 404 });
  });
});
