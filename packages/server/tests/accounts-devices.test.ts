import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PublishedChange } from '../src/storage/change.ts';
import { createManualWorld, type ManualWorld } from './support/manual-world.ts';
import { createTestServer, type Method, type TestServer } from './support/test-server.ts';

const V3 = '/_matrix/client/v3';

let world: ManualWorld;
let server: TestServer;
let token: string;
let changes: PublishedChange[];

beforeEach(async () => {
  world = createManualWorld();
  server = await createTestServer({ world });
  token = (await server.createUser('alice')).accessToken;
  changes = [];
  server.storage.stream.follow((published) => changes.push(...published));
});

afterEach(() => server.stop());

async function logIn(deviceId: string): Promise<string> {
  const body = { type: 'm.login.password', user: 'alice', password: 'password of alice', device_id: deviceId };
  return String((await server.ok('POST', `${V3}/login`, { body })).access_token);
}

async function deviceIds(): Promise<string[]> {
  const { devices } = await server.ok('GET', `${V3}/devices`, { token });
  return (devices as { device_id: string }[]).map((device) => device.device_id);
}

function passwordAuth(password = 'password of alice'): JsonObject {
  return { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'alice' }, password };
}

/** Asks, is told to give the password, and gives it: the second request has nothing else in its body. */
async function withPassword(method: Method, path: string, body: JsonObject = {}) {
  const asked = await server.request(method, path, { token, body });
  expect(asked).toMatchObject({ status: 401, body: { flows: [{ stages: ['m.login.password'] }], completed: [] } });
  return server.request(method, path, {
    token,
    body: { auth: { ...passwordAuth(), session: asked.body.session ?? '' } },
  });
}

describe('the devices of a user', () => {
  test('can be read and named', async () => {
    await logIn('PHONE');
    changes.length = 0;
    await server.ok('PUT', `${V3}/devices/PHONE`, { token, body: { display_name: 'Phone' } });
    expect(changes).toMatchObject([{ kind: 'device-list', userId: '@alice:localhost' }]);
    await server.ok('PUT', `${V3}/devices/PHONE`, { token, body: {} });
    expect(await server.ok('GET', `${V3}/devices/PHONE`, { token })).toEqual({
      device_id: 'PHONE',
      display_name: 'Phone',
      last_seen_ts: world.clock.nowMs(),
      last_seen_ip: '127.0.0.1',
    });
  });

  test('what does not exist is not found, and somebody else’s does not exist', async () => {
    await server.createUser('bob');
    const body = { type: 'm.login.password', user: 'bob', password: 'password of bob', device_id: 'BOBS' };
    await server.ok('POST', `${V3}/login`, { body });
    for (const deviceId of ['NONE', 'BOBS']) {
      const path = `${V3}/devices/${deviceId}`;
      const answers = [
        await server.request('GET', path, { token }),
        await server.request('PUT', path, { token, body: { display_name: 'x' } }),
        await server.request('PUT', path, { token, body: {} }),
      ];
      for (const answer of answers) expect(answer).toMatchObject({ status: 404, body: { errcode: 'M_NOT_FOUND' } });
    }
  });

  test('a name may not be too long', async () => {
    await logIn('PHONE');
    const body = { display_name: 'x'.repeat(257) };
    expect(await server.request('PUT', `${V3}/devices/PHONE`, { token, body })).toMatchObject({
      status: 400,
      body: { errcode: 'M_INVALID_PARAM' },
    });
  });

  test('are seen at each request, and that is written once a minute', async () => {
    const phone = await logIn('PHONE');
    const { commits } = server.storage.tally;
    world.advance(10_000);
    for (let request = 0; request < 5; request++) await server.ok('GET', `${V3}/account/whoami`, { token: phone });
    const seenTs = world.clock.nowMs();
    expect(await server.ok('GET', `${V3}/devices/PHONE`, { token })).toMatchObject({ last_seen_ts: seenTs });
    expect(server.storage.tally.commits).toBe(commits);
    world.advance(60_000);
    // A write waits for those before it, so this one stands behind the flush.
    await server.storage.write(() => {});
    const again = await createTestServer({ storage: server.storage, world, seed: 2 });
    expect(await again.ok('GET', `${V3}/devices/PHONE`, { token })).toMatchObject({ last_seen_ts: seenTs });
    await again.stop();
  });
});

describe('deleting devices', () => {
  test('one: after the password, with its token', async () => {
    const phone = await logIn('PHONE');
    await server.ok('GET', `${V3}/account/whoami`, { token: phone });
    changes.length = 0;
    expect(await withPassword('DELETE', `${V3}/devices/PHONE`)).toMatchObject({ status: 200, text: '{}' });
    expect(changes).toMatchObject([{ kind: 'device-list', userId: '@alice:localhost' }]);
    expect(await deviceIds()).not.toContain('PHONE');
    expect(await server.request('GET', `${V3}/account/whoami`, { token: phone })).toMatchObject({ status: 401 });
  });

  test('several: the first request’s list is remembered', async () => {
    for (const deviceId of ['A', 'B', 'C']) await logIn(deviceId);
    const answer = await withPassword('POST', `${V3}/delete_devices`, { devices: ['A', 'B', 'UNKNOWN'] });
    expect(answer.status).toBe(200);
    expect(await deviceIds()).toEqual(expect.arrayContaining(['C']));
    expect(await deviceIds()).toHaveLength(2);
  });

  test('takes keys and waiting messages with them, and those of no other device', async () => {
    const insert = (table: string, columns: string, values: string) => ({
      text: `insert into ${table} (user_id, device_id, ${columns}) values (:userId, :deviceId, ${values})`,
    });
    await server.storage.write((transaction) => {
      for (const [userId, deviceId] of [
        ['@alice:localhost', 'PHONE'],
        ['@alice:localhost', 'KEPT'],
        ['@bob:localhost', 'PHONE'],
      ] as const) {
        const device = { userId, deviceId };
        transaction.run(insert('device_keys', 'json', "'{}'"), device);
        transaction.run(insert('one_time_keys', 'algorithm, key_id, ordinal, json', "'a', 'k', 1, '{}'"), device);
        transaction.run(insert('fallback_keys', 'algorithm, key_id, is_used, json', "'a', 'k', 0, '{}'"), device);
        transaction.run(insert('to_device_messages', 'writer, position, json', "1, 1, '{}'"), device);
      }
    });
    await logIn('PHONE');
    expect(await withPassword('DELETE', `${V3}/devices/PHONE`)).toMatchObject({ status: 200 });
    for (const table of ['device_keys', 'one_time_keys', 'fallback_keys', 'to_device_messages']) {
      const text = `select user_id, device_id from ${table} order by user_id`;
      expect(await server.storage.read({ text }, {})).toEqual([
        { user_id: '@alice:localhost', device_id: 'KEPT' },
        { user_id: '@bob:localhost', device_id: 'PHONE' },
      ]);
    }
  });

  test('needs the right password of the right user', async () => {
    await server.createUser('bob');
    await logIn('PHONE');
    const wrong = await server.request('DELETE', `${V3}/devices/PHONE`, {
      token,
      body: { auth: passwordAuth('password of bob') },
    });
    expect(wrong).toMatchObject({ status: 401, body: { errcode: 'M_FORBIDDEN', completed: [] } });
    const bobs = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'bob' },
      password: 'password of bob',
    };
    expect(await server.request('DELETE', `${V3}/devices/PHONE`, { token, body: { auth: bobs } })).toMatchObject({
      status: 401,
    });
    expect(await deviceIds()).toContain('PHONE');
  });

  test('a session begun for one device does not serve another', async () => {
    for (const deviceId of ['A', 'B']) await logIn(deviceId);
    const { body } = await server.request('DELETE', `${V3}/devices/A`, { token });
    const auth = { ...passwordAuth(), session: body.session ?? '' };
    expect(await server.request('DELETE', `${V3}/devices/B`, { token, body: { auth } })).toMatchObject({
      status: 401,
      body: { errcode: 'M_UNKNOWN', session: expect.not.stringMatching(String(body.session)) },
    });
    expect(await deviceIds()).toEqual(expect.arrayContaining(['A', 'B']));
  });

  test.each<[string, JsonObject, string]>([
    ['no list', {}, 'M_MISSING_PARAM'],
    ['no list of texts', { devices: [7] }, 'M_BAD_JSON'],
    ['too long a list', { devices: Array(1_001).fill('A') }, 'M_INVALID_PARAM'],
  ])('%s is refused before the password is asked for', async (_what, body, errcode) => {
    expect(await server.request('POST', `${V3}/delete_devices`, { token, body })).toMatchObject({
      status: 400,
      body: { errcode },
    });
  });
});

describe('a new password', () => {
  test('ends the other sessions, and the old password', async () => {
    const phone = await logIn('PHONE');
    const answer = await withPassword('POST', `${V3}/account/password`, { new_password: 'another password' });
    expect(answer.status).toBe(200);
    expect(await server.request('GET', `${V3}/account/whoami`, { token: phone })).toMatchObject({ status: 401 });
    expect(await deviceIds()).toHaveLength(1);
    const old = { type: 'm.login.password', user: 'alice', password: 'password of alice' };
    expect(await server.request('POST', `${V3}/login`, { body: old })).toMatchObject({ status: 403 });
    await server.ok('POST', `${V3}/login`, { body: { ...old, password: 'another password' } });
  });

  test('spares the other sessions when it is asked to', async () => {
    const phone = await logIn('PHONE');
    await withPassword('POST', `${V3}/account/password`, { new_password: 'another password', logout_devices: false });
    await server.ok('GET', `${V3}/account/whoami`, { token: phone });
  });

  test.each<[string, JsonObject, string]>([
    ['none', {}, 'M_MISSING_PARAM'],
    ['a short one', { new_password: 'short' }, 'M_WEAK_PASSWORD'],
  ])('%s is refused before the old one is asked for', async (_what, body, errcode) => {
    expect(await server.request('POST', `${V3}/account/password`, { token, body })).toMatchObject({
      status: 400,
      body: { errcode },
    });
  });

  test('by the operator ends all sessions', async () => {
    await server.server.admin.resetPassword({ name: 'alice', password: 'another password', keepsSessions: false });
    expect(await server.request('GET', `${V3}/account/whoami`, { token })).toMatchObject({ status: 401 });
  });

  test('of nobody is refused', async () => {
    const reset = server.server.admin.resetPassword({
      name: 'nobody',
      password: 'another password',
      keepsSessions: false,
    });
    await expect(reset).rejects.toMatchObject({ errcode: 'M_NOT_FOUND' });
  });
});

describe('deactivating an account', () => {
  test('ends it, after the password', async () => {
    const data = `${V3}/user/@alice:localhost/account_data/org.example`;
    await server.ok('PUT', data, { token, body: { secret: true } });
    await server.ok('PUT', `${V3}/profile/@alice:localhost/displayname`, { token, body: { displayname: 'Alice' } });
    const answer = await withPassword('POST', `${V3}/account/deactivate`, { erase: true });
    expect(answer).toMatchObject({ status: 200, body: { id_server_unbind_result: 'success' } });
    expect(await server.request('GET', data, { token })).toMatchObject({ status: 401 });
    expect(await server.storage.read({ text: 'select type from account_data' }, {})).toEqual([]);
    expect(await server.ok('GET', `${V3}/profile/@alice:localhost`)).toEqual({});
  });

  test('has no e-mail addresses to give back', async () => {
    expect(await server.ok('GET', `${V3}/account/3pid`, { token })).toEqual({ threepids: [] });
  });
});
