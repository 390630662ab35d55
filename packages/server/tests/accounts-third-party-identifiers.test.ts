import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestServer, type TestServer } from './support/test-server.ts';

const ACCOUNT = '/_matrix/client/v3/account';

let server: TestServer;
let token: string;

beforeAll(async () => {
  server = await createTestServer();
  token = (await server.createUser('alice')).accessToken;
});

afterAll(() => server.stop());

const CREDENTIALS = { client_secret: 'x', id_server: 'id.example', id_access_token: 'y', sid: 'z' };
const ADDRESS = { medium: 'email', address: 'alice@example.org' };

test('an account has none', async () => {
  expect(await server.ok('GET', `${ACCOUNT}/3pid`, { token })).toEqual({ threepids: [] });
});

test.each<[string, object, string]>([
  ['3pid/add', { client_secret: 'x', sid: 'z' }, 'M_THREEPID_DENIED'],
  ['3pid/bind', CREDENTIALS, 'M_SERVER_NOT_TRUSTED'],
  ['3pid', { three_pid_creds: CREDENTIALS }, 'M_SERVER_NOT_TRUSTED'],
])('none can be had by %s', async (path, body, errcode) => {
  const answer = await server.request('POST', `${ACCOUNT}/${path}`, { token, body: { ...body } });
  expect(answer).toMatchObject({ status: 403, body: { errcode } });
  const empty = await server.request('POST', `${ACCOUNT}/${path}`, { token, body: {} });
  expect(empty).toMatchObject({ status: 400, body: { errcode: 'M_MISSING_PARAM' } });
  expect(await server.request('POST', `${ACCOUNT}/${path}`, { body: { ...body } })).toMatchObject({ status: 401 });
});

test.each(['3pid/delete', '3pid/unbind'])('%s finds nothing to do', async (path) => {
  const answer = await server.ok('POST', `${ACCOUNT}/${path}`, { token, body: ADDRESS });
  expect(answer).toEqual({ id_server_unbind_result: 'no-support' });
  const odd = { ...ADDRESS, medium: 'pigeon' };
  expect(await server.request('POST', `${ACCOUNT}/${path}`, { token, body: odd })).toMatchObject({ status: 400 });
});

test.each(['register', 'account/password', 'account/3pid'])(
  '%s: no address is verified, whatever it is',
  async (place) => {
    const common = { client_secret: 'secret', send_attempt: 1 };
    const path = `/_matrix/client/v3/${place}`;
    const refusal = { status: 400, body: { errcode: 'M_THREEPID_MEDIUM_NOT_SUPPORTED' } };
    const ask = (medium: string, body: object) =>
      server.request('POST', `${path}/${medium}/requestToken`, { body: { ...common, ...body } });
    const known = await ask('email', { email: 'alice@example.org' });
    expect(known).toMatchObject(refusal);
    expect((await ask('email', { email: 'nobody@example.org' })).text).toBe(known.text);
    expect(await ask('msisdn', { country: 'GB', phone_number: '07700900001' })).toMatchObject(refusal);
    expect(await ask('email', {})).toMatchObject({ status: 400, body: { errcode: 'M_MISSING_PARAM' } });
  },
);
