import type { JsonValue } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestServer, type TestServer } from './support/test-server.ts';

const PROFILE = '/_matrix/client/v3/profile';
const ALICE = `${PROFILE}/@alice:localhost`;

let server: TestServer;
let token: string;

beforeEach(async () => {
  server = await createTestServer();
  token = (await server.createUser('alice')).accessToken;
});

afterEach(() => server.stop());

const set = (field: string, value: JsonValue) =>
  server.request('PUT', `${ALICE}/${field}`, { token, body: { [field]: value } });

describe('a profile', () => {
  test('is empty at first, and everybody can read what was set', async () => {
    expect(await server.ok('GET', ALICE)).toEqual({});
    await set('displayname', 'Alice');
    await set('avatar_url', 'mxc://localhost/abc-DEF_1');
    await set('org.example.mood', { is: ['good', 1.5, null] });
    expect(await server.ok('GET', ALICE)).toEqual({
      displayname: 'Alice',
      avatar_url: 'mxc://localhost/abc-DEF_1',
      'org.example.mood': { is: ['good', 1.5, null] },
    });
    expect(await server.ok('GET', `${ALICE}/displayname`)).toEqual({ displayname: 'Alice' });
    expect(await server.ok('GET', `${ALICE}/org.example.mood`)).toEqual({
      'org.example.mood': { is: ['good', 1.5, null] },
    });
  });

  test('a field can be removed: by DELETE, and a name or picture by an empty text', async () => {
    await set('displayname', 'Alice');
    await set('m.tz', 'Europe/Berlin');
    await server.ok('DELETE', `${ALICE}/m.tz`, { token });
    await server.ok('DELETE', `${ALICE}/m.tz`, { token });
    await set('displayname', '');
    expect(await server.ok('GET', ALICE)).toEqual({});
    expect(await server.request('GET', `${ALICE}/displayname`)).toMatchObject({
      status: 404,
      body: { errcode: 'M_NOT_FOUND' },
    });
  });

  test.each([
    ['of nobody is not found', '@nobody:localhost', 404, 'M_NOT_FOUND'],
    ['of a user whose server cannot be reached is not had', '@alice:elsewhere', 502, 'M_UNKNOWN'],
  ])('%s', async (_what, userId, status, errcode) => {
    for (const path of [`${PROFILE}/${userId}`, `${PROFILE}/${userId}/displayname`]) {
      expect(await server.request('GET', path)).toMatchObject({ status, body: { errcode } });
    }
    expect(await server.request('GET', `${PROFILE}/alice`)).toMatchObject({
      status: 400,
      body: { errcode: 'M_INVALID_PARAM' },
    });
  });

  test('is changed by its owner alone', async () => {
    const { accessToken: bobs } = await server.createUser('bob');
    const body = { displayname: 'Mallory' };
    for (const method of ['PUT', 'DELETE'] as const) {
      expect(await server.request(method, `${ALICE}/displayname`, { token: bobs, body })).toMatchObject({
        status: 403,
        body: { errcode: 'M_FORBIDDEN' },
      });
      expect(await server.request(method, `${ALICE}/displayname`, { body })).toMatchObject({ status: 401 });
    }
  });

  test.each<[string, JsonValue, string]>([
    ['displayname', 7, 'M_INVALID_PARAM'],
    ['displayname', null, 'M_INVALID_PARAM'],
    ['displayname', 'x'.repeat(257), 'M_INVALID_PARAM'],
    ['avatar_url', 'https://example.org/a.png', 'M_INVALID_PARAM'],
    ['avatar_url', 'mxc://localhost', 'M_INVALID_PARAM'],
    ['avatar_url', `mxc://localhost/${'x'.repeat(1_000)}`, 'M_INVALID_PARAM'],
    ['mood', 'good', 'M_INVALID_PARAM'],
    ['Org.Example', 'good', 'M_INVALID_PARAM'],
    ['org.', 'good', 'M_INVALID_PARAM'],
    [`org.${'x'.repeat(252)}`, 'good', 'M_KEY_TOO_LARGE'],
    ['org.example.essay', 'x'.repeat(65_536), 'M_PROFILE_TOO_LARGE'],
  ])('refuses %s: %.30j', async (field, value, errcode) => {
    expect(await set(field, value)).toMatchObject({ status: 400, body: { errcode } });
    expect(await server.ok('GET', ALICE)).toEqual({});
  });

  test('has 64 KiB in all, its keys and its old fields counted', async () => {
    const rest = 65_536 - JSON.stringify({ displayname: 'Alice', 'org.example.essay': '' }).length;
    await set('displayname', 'Alice');
    expect(await set('org.example.essay', 'x'.repeat(rest + 1))).toMatchObject({
      body: { errcode: 'M_PROFILE_TOO_LARGE' },
    });
    expect(await set('org.example.essay', 'x'.repeat(rest))).toMatchObject({ status: 200 });
  });

  test.each<[string, string, string]>([
    ['another field than the path', '{"avatar_url": "x"}', 'M_MISSING_PARAM'],
    ['a list', '[]', 'M_BAD_JSON'],
    ['no JSON', '{', 'M_NOT_JSON'],
    ['nothing', '', 'M_NOT_JSON'],
  ])('refuses a body with %s', async (_what, body, errcode) => {
    expect(await server.request('PUT', `${ALICE}/displayname`, { token, body })).toMatchObject({
      status: 400,
      body: { errcode },
    });
  });

  test('asks no field of that name to exist on every object', async () => {
    expect(await server.request('PUT', `${ALICE}/constructor`, { token, body: {} })).toMatchObject({ status: 400 });
    expect(await server.request('PUT', `${ALICE}/__proto__`, { token, body: '{"__proto__": 1}' })).toMatchObject({
      body: { errcode: 'M_INVALID_PARAM' },
    });
  });
});
