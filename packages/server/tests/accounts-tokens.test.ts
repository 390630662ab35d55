import { parseUserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RefreshTokens } from '../src/services/accounts/refresh-tokens.ts';
import { defineStatement } from '../src/storage/statement.ts';
import type { Storage } from '../src/storage/storage.ts';
import { createManualWorld } from './support/manual-world.ts';
import { seededRandom } from './support/seeded-random.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';

/** Refresh tokens, login tokens and logins by what we do not have. One server for all. */

const V3 = '/_matrix/client/v3';
const WHOAMI = `${V3}/account/whoami`;
const LIFETIME_MS = 60_000;
const DAY_MS = 86_400_000;

const world = createManualWorld();
let server: TestServer;

beforeAll(async () => {
  const sessions = { access_token_seconds: LIFETIME_MS / 1_000, refresh_token_days: 30 };
  server = await createTestServer({ world, config: { sessions, registration: { mode: 'open' } } });
  for (const name of ['alice', 'bob', 'carol']) await server.createUser(name);
});

afterAll(() => server.stop());

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

async function logIn(user: string, more: object = {}): Promise<Tokens & JsonObject> {
  const identifier = { type: 'm.id.user', user };
  const body = { type: 'm.login.password', identifier, password: `password of ${user}`, refresh_token: true, ...more };
  return (await server.ok('POST', `${V3}/login`, { body })) as never;
}

async function refresh(token: string): Promise<Tokens> {
  return (await server.ok('POST', `${V3}/refresh`, { body: { refresh_token: token } })) as never;
}

function whoAmI(token: string) {
  return server.request('GET', WHOAMI, { token });
}

const GONE = { status: 401, body: { errcode: 'M_UNKNOWN_TOKEN' } };
const SOFT = { status: 401, body: { errcode: 'M_UNKNOWN_TOKEN', soft_logout: true } };

describe('refreshing access tokens', () => {
  test('who does not ask for it gets a token that holds', async () => {
    const plain = await logIn('alice', { refresh_token: false });
    expect(plain).not.toHaveProperty('refresh_token');
    expect(plain).not.toHaveProperty('expires_in_ms');
    world.advance(10 * LIFETIME_MS);
    expect((await whoAmI(plain.access_token)).status).toBe(200);
  });

  test('an access token ends, and the refresh token brings a new one of the same device', async () => {
    const first = await logIn('alice', { device_id: 'PHONE' });
    expect(first).toMatchObject({ expires_in_ms: LIFETIME_MS, device_id: 'PHONE' });
    world.advance(LIFETIME_MS);
    expect(await whoAmI(first.access_token)).toMatchObject(SOFT);
    const second = await refresh(first.refresh_token);
    expect(second).toMatchObject({ expires_in_ms: LIFETIME_MS });
    expect((await whoAmI(second.access_token)).body).toMatchObject({ device_id: 'PHONE' });
  });

  test('the old ones hold until the new access token is used; then they are gone', async () => {
    const first = await logIn('alice');
    const lost = await refresh(first.refresh_token);
    const second = await refresh(first.refresh_token);
    expect((await whoAmI(first.access_token)).status).toBe(200);
    expect(await whoAmI(lost.access_token)).toMatchObject(GONE);
    const uses = await Promise.all([1, 2, 3].map(() => whoAmI(second.access_token)));
    expect(uses.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await whoAmI(second.access_token)).status).toBe(200);
    expect(await whoAmI(first.access_token)).toMatchObject(GONE);
    const again = await server.request('POST', `${V3}/refresh`, { body: { refresh_token: first.refresh_token } });
    expect(again).toMatchObject(SOFT);
    const lostToo = await server.request('POST', `${V3}/refresh`, { body: { refresh_token: lost.refresh_token } });
    expect(lostToo).toMatchObject(GONE);
  });

  test('a refresh that is overtaken by the use of what was got before leaves the session be', async () => {
    const first = await logIn('alice');
    const second = await refresh(first.refresh_token);
    const { accessTokens, sessions } = server.server.services.accounts;
    const overtakenBy = (overtake: () => Promise<unknown>) => {
      const read: Storage['read'] = async (...asked) => {
        const rows = await server.storage.read(...asked);
        await overtake();
        return rows;
      };
      const lifetimes = { accessTokenMs: LIFETIME_MS, refreshTokenMs: undefined };
      const platform = { ...world, random: seededRandom(2) } as never;
      return new RefreshTokens({ storage: { ...server.storage, read }, platform, accessTokens, lifetimes });
    };
    const used = overtakenBy(() => whoAmI(second.access_token)).refresh(first.refresh_token);
    await expect(used).rejects.toMatchObject({ errcode: 'M_UNKNOWN_TOKEN', extra: { soft_logout: true } });
    const { device_id: deviceId } = (await whoAmI(second.access_token)).body;
    const gone = overtakenBy(() => sessions.close(parseUserId('@alice:localhost'), [String(deviceId)]));
    await expect(gone.refresh(second.refresh_token)).rejects.toMatchObject({ errcode: 'M_UNKNOWN_TOKEN', extra: {} });
  });

  test('using the new refresh token ends the old one, too', async () => {
    const first = await logIn('alice');
    const second = await refresh(first.refresh_token);
    const third = await refresh(second.refresh_token);
    const again = await server.request('POST', `${V3}/refresh`, { body: { refresh_token: first.refresh_token } });
    expect(again).toMatchObject(SOFT);
    expect((await whoAmI(third.access_token)).status).toBe(200);
    expect(await whoAmI(second.access_token)).toMatchObject(GONE);
  });

  test('a refresh token that nobody used for long ends, and the session goes on', async () => {
    const { refresh_token: token, device_id: deviceId } = await logIn('alice');
    world.advance(30 * DAY_MS);
    expect(await server.request('POST', `${V3}/refresh`, { body: { refresh_token: token } })).toMatchObject(SOFT);
    expect(await logIn('alice', { device_id: deviceId })).toMatchObject({ device_id: deviceId });
  });

  test('it ends with its session, with a new login of the device, and with the password', async () => {
    const first = await logIn('bob', { device_id: 'LAPTOP' });
    const second = await logIn('bob', { device_id: 'LAPTOP' });
    expect(
      await server.request('POST', `${V3}/refresh`, { body: { refresh_token: first.refresh_token } }),
    ).toMatchObject(GONE);
    await server.ok('POST', `${V3}/logout`, { token: second.access_token, body: {} });
    const ended = await server.request('POST', `${V3}/refresh`, { body: { refresh_token: second.refresh_token } });
    expect(ended).toMatchObject(GONE);
    expect(ended.body).not.toHaveProperty('soft_logout');
  });

  test('it is given at registration, too', async () => {
    const body = {
      username: 'dora',
      password: 'password of dora',
      auth: { type: 'm.login.dummy' },
      refresh_token: true,
    };
    const registered = await server.ok('POST', `${V3}/register`, { body });
    expect(registered).toMatchObject({ refresh_token: expect.any(String), expires_in_ms: LIFETIME_MS });
    expect((await whoAmI((await refresh(String(registered.refresh_token))).access_token)).status).toBe(200);
  });

  test.each([
    ['nothing', {}, 'M_MISSING_PARAM', 400],
    ['no text', { refresh_token: 1 }, 'M_BAD_JSON', 400],
    ['what is none', { refresh_token: 'nonsense' }, 'M_UNKNOWN_TOKEN', 401],
  ])('%s is refused', async (_name, body, errcode, status) => {
    expect(await server.request('POST', `${V3}/refresh`, { body })).toMatchObject({ status, body: { errcode } });
  });

  test('tokens are not kept as they are', async () => {
    const { refresh_token: token } = await logIn('alice');
    const statement = defineStatement<Record<string, never>, { token_hash: Uint8Array }>(
      'select token_hash from refresh_tokens',
    );
    const rows = await server.storage.read(statement, {});
    const kept = rows.map((row) => Buffer.from(row.token_hash).toString('utf8'));
    expect(kept).not.toContain(token);
    expect(rows.length).toBeGreaterThan(0);
  });
});

describe('login tokens', () => {
  const GET_TOKEN = '/_matrix/client/v1/login/get_token';

  async function getToken(user: string): Promise<string> {
    const { access_token: token } = await logIn(user, { refresh_token: false });
    const challenge = await server.request('POST', GET_TOKEN, { token, body: {} });
    expect(challenge).toMatchObject({ status: 401, body: { flows: [{ stages: ['m.login.password'] }] } });
    const identifier = { type: 'm.id.user', user };
    const password = { type: 'm.login.password', identifier, password: `password of ${user}` };
    const auth = { ...password, session: challenge.body.session ?? '' };
    const answer = await server.ok('POST', GET_TOKEN, { token, body: { auth } });
    expect(answer).toEqual({ login_token: expect.any(String), expires_in_ms: 120_000 });
    return String(answer.login_token);
  }

  function logInWith(token: unknown) {
    const body = JSON.stringify({ type: 'm.login.token', token });
    return server.request('POST', `${V3}/login`, { body });
  }

  test('one lets another device in, once', async () => {
    expect(await server.ok('GET', `${V3}/login`)).toEqual({
      flows: [{ type: 'm.login.password' }, { type: 'm.login.token', get_login_token: true }],
    });
    const token = await getToken('carol');
    expect(await logInWith(token)).toMatchObject({ status: 200, body: { user_id: '@carol:localhost' } });
    expect(await logInWith(token)).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  });

  test('it ends after two minutes, and with the password', async () => {
    const old = await getToken('carol');
    world.advance(120_000);
    expect(await logInWith(old)).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    const token = await getToken('carol');
    await server.server.admin.resetPassword({ name: 'carol', password: 'another password', keepsSessions: true });
    expect(await logInWith(token)).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  });

  test('no token, and none that is text', async () => {
    expect(await logInWith(undefined)).toMatchObject({ status: 400, body: { errcode: 'M_MISSING_PARAM' } });
    expect(await logInWith(1)).toMatchObject({ status: 400, body: { errcode: 'M_BAD_JSON' } });
  });

  test('it takes an access token', async () => {
    expect(await server.request('POST', GET_TOKEN, { body: {} })).toMatchObject({
      status: 401,
      body: { errcode: 'M_MISSING_TOKEN' },
    });
  });
});

describe('identity providers', () => {
  test.each(['redirect', 'redirect/example'])('%s: there is none', async (path) => {
    const url = `${V3}/login/sso/${path}`;
    const answer = await server.request('GET', `${url}?redirectUrl=https%3A%2F%2Fexample.org`);
    expect(answer).toMatchObject({ status: 404, body: { errcode: 'M_NOT_FOUND' } });
    expect(await server.request('GET', url)).toMatchObject({ status: 400, body: { errcode: 'M_MISSING_PARAM' } });
  });

  test('nor does the server speak OAuth, which makes clients offer passwords', async () => {
    const answer = await server.request('GET', '/_matrix/client/v1/auth_metadata');
    expect(answer).toMatchObject({ status: 404, body: { errcode: 'M_UNRECOGNIZED' } });
  });
});
