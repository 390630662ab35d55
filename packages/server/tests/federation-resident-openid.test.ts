import { afterEach, expect, test } from 'vitest';
import { createManualWorld } from './support/manual-world.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';

const USER_INFO = '/_matrix/federation/v1/openid/userinfo';
const servers: TestServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function start() {
  const world = createManualWorld();
  const server = await createTestServer({ world });
  servers.push(server);
  const alice = await server.createUser('alice');
  return {
    world,
    server,
    alice,
    async requestToken(): Promise<string> {
      const path = `/_matrix/client/v3/user/${alice.userId}/openid/request_token`;
      const { access_token: token } = await server.ok('POST', path, { token: alice.accessToken, body: {} });
      return String(token);
    },
    whose: (token: string) => server.request('GET', `${USER_INFO}?access_token=${token}`),
  };
}

test('a user gets a token that tells who he is, for an hour', async () => {
  const { world, server, alice, whose } = await start();
  const path = `/_matrix/client/v3/user/${alice.userId}/openid/request_token`;
  const answer = await server.ok('POST', path, { token: alice.accessToken, body: {} });
  expect(answer).toEqual({
    access_token: expect.stringMatching(/^openid_/),
    token_type: 'Bearer',
    matrix_server_name: 'localhost',
    expires_in: 3_600,
  });
  expect((await whose(String(answer.access_token))).body).toEqual({ sub: alice.userId });
  world.advance(3_599_999);
  expect((await whose(String(answer.access_token))).status).toBe(200);
  world.advance(1);
  const { status, body } = await whose(String(answer.access_token));
  expect([status, body.errcode]).toEqual([401, 'M_UNKNOWN_TOKEN']);
});

test('it is no access token, and an access token is none of these', async () => {
  const { server, alice, requestToken, whose } = await start();
  const token = await requestToken();
  expect((await server.request('GET', '/_matrix/client/v3/account/whoami', { token })).status).toBe(401);
  expect((await whose(alice.accessToken)).status).toBe(401);
  expect((await server.request('GET', USER_INFO)).body.errcode).toBe('M_MISSING_PARAM');
});

test('nobody gets one for somebody else', async () => {
  const { server, alice } = await start();
  const path = '/_matrix/client/v3/user/@bob:localhost/openid/request_token';
  const { status, body } = await server.request('POST', path, { token: alice.accessToken, body: {} });
  expect([status, body.errcode]).toEqual([403, 'M_FORBIDDEN']);
});

test('a user has a hundred of them, and one more ends the oldest', async () => {
  const { world, requestToken, whose } = await start();
  const oldest = await requestToken();
  world.advance(1);
  const second = await requestToken();
  for (let count = 2; count <= 100; count++) {
    world.advance(1);
    await requestToken();
  }
  expect((await whose(oldest)).status).toBe(401);
  expect((await whose(second)).status).toBe(200);
});

test('it ends with the account', async () => {
  const { server, alice, requestToken, whose } = await start();
  const token = await requestToken();
  const auth = {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: 'alice' },
    password: 'password of alice',
  };
  const body = { auth };
  await server.ok('POST', '/_matrix/client/v3/account/deactivate', { token: alice.accessToken, body });
  expect((await whose(token)).status).toBe(401);
});
