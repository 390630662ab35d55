import { parseUserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeAccountData } from '../src/services/accounts/account-data.ts';
import type { PublishedChange } from '../src/storage/change.ts';
import { selectAccountData } from '../src/storage/queries/account-data.ts';
import { selectFilterByJson } from '../src/storage/queries/filters.ts';
import { holdAnswer } from './support/hold-answer.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';

const USER = '/_matrix/client/v3/user/@alice:localhost';
const ROOM = `${USER}/rooms/${encodeURIComponent('!room:localhost')}`;

let server: TestServer;
let token: string;
let changes: PublishedChange[];

beforeEach(async () => {
  server = await createTestServer();
  token = (await server.createUser('alice')).accessToken;
  changes = [];
  server.storage.stream.follow((published) => changes.push(...published));
});

afterEach(() => server.stop());

const put = (path: string, body: JsonObject | string) => server.request('PUT', path, { token, body });

describe('account data', () => {
  test('is kept as it was sent, of all rooms and of one', async () => {
    const content = { list: [1.5, null, 'ü'], 'm.dotted': {} };
    await put(`${USER}/account_data/org.example`, content);
    await put(`${ROOM}/account_data/org.example`, { other: true });
    expect(await server.ok('GET', `${USER}/account_data/org.example`, { token })).toEqual(content);
    expect(await server.ok('GET', `${ROOM}/account_data/org.example`, { token })).toEqual({ other: true });
    expect(changes).toMatchObject([
      { kind: 'account-data', userId: '@alice:localhost', roomId: undefined, type: 'org.example' },
      { kind: 'account-data', userId: '@alice:localhost', roomId: '!room:localhost', type: 'org.example' },
    ]);
  });

  test('that is set while the server changes it is not lost', async () => {
    const { accountData } = server.server.services.accounts;
    const address = { userId: parseUserId('@alice:localhost'), roomId: undefined, type: 'm.direct' };
    await accountData.set(address, { '@bob:localhost': ['!old:localhost'] });
    const held = holdAnswer(server.storage, selectAccountData);
    const changing = accountData.change(address, (before) => ({ ...before, changed: true }));
    await held.reached;
    const setting = put(`${USER}/account_data/m.direct`, { '@carol:localhost': ['!new:localhost'] });
    // It has had the time to be set.
    for (const type of ['a', 'b', 'c']) await put(`${USER}/account_data/${type}`, {});
    held.release();
    await Promise.all([changing, setting]);
    expect(await accountData.get(address)).toEqual({ '@carol:localhost': ['!new:localhost'] });
  });

  test('what a reader gets between two positions is what changed last there', async () => {
    const { accountData } = server.server.services.accounts;
    const at = () => changes.at(-1)?.position ?? 0;
    const userId = '@alice:localhost';
    await put(`${USER}/account_data/a`, { n: 1 });
    const first = at();
    await put(`${USER}/account_data/b`, { n: 1 });
    const second = at();
    await put(`${USER}/account_data/a`, { n: 2 });
    const { writer = 0 } = changes[0] ?? {};
    const between = (after: number, upTo: number) => accountData.changed(userId, [{ writer, after, upTo }]);
    expect(await between(0, first)).toEqual([]);
    expect(await between(first, second)).toEqual([{ roomId: undefined, type: 'b', contentJson: '{"n":1}' }]);
    expect((await between(first, at())).map(({ type }) => type)).toEqual(['b', 'a']);
    expect((await accountData.changed(userId, undefined)).map(({ type }) => type)).toEqual(['a', 'b']);
    expect(await accountData.changed('@bob:localhost', undefined)).toEqual([]);
  });

  test('tells whom a user ignores, at once after a change', async () => {
    const { accountData } = server.server.services.accounts;
    const ignored = async () => [...(await accountData.ignoredUsers('@alice:localhost'))];
    const type = `${USER}/account_data/m.ignored_user_list`;
    expect(await ignored()).toEqual([]);
    await put(type, { ignored_users: { '@bob:localhost': {}, '@alice:localhost': {} } });
    expect(await ignored()).toEqual(['@bob:localhost']);
    const { reads } = server.storage.tally;
    await ignored();
    expect(server.storage.tally.reads).toBe(reads);
    await put(type, { ignored_users: 'nobody' });
    expect(await ignored()).toEqual([]);
  });

  test('is for its owner alone', async () => {
    const { accessToken: bobs } = await server.createUser('bob');
    for (const path of [`${USER}/account_data/x`, `${ROOM}/account_data/x`, `${ROOM}/tags`]) {
      expect(await server.request('GET', path, { token: bobs })).toMatchObject({
        status: 403,
        body: { errcode: 'M_FORBIDDEN' },
      });
    }
    expect(await server.request('PUT', `${USER}/account_data/x`, { token: bobs, body: {} })).toMatchObject({
      status: 403,
    });
  });

  test('that was never set is not found', async () => {
    for (const path of [`${USER}/account_data/x`, `${ROOM}/account_data/x`]) {
      expect(await server.request('GET', path, { token })).toMatchObject({
        status: 404,
        body: { errcode: 'M_NOT_FOUND' },
      });
    }
  });

  test.each([
    [`${USER}/account_data/m.push_rules`],
    [`${USER}/account_data/m.fully_read`],
    [`${ROOM}/account_data/m.fully_read`],
  ])('which the server keeps itself is not set by PUT %s', async (path) => {
    expect(await put(path, {})).toMatchObject({ status: 405, body: { errcode: 'M_BAD_JSON' } });
  });

  test('is ten thousand pieces at most, and what is there may still be changed', async () => {
    const { userId } = await server.createUser('collector');
    const { accountData } = server.server.services.accounts;
    await server.storage.write((transaction) => {
      for (let count = 0; count < 10_000; count += 1) {
        writeAccountData(transaction, { userId, roomId: undefined, type: `x.${count}` }, '{}');
      }
    });
    const set = (type: string) => accountData.set({ userId, roomId: undefined, type }, {});
    await expect(set('one.more')).rejects.toMatchObject({ errcode: 'M_TOO_LARGE' });
    await set('x.7');
  });

  test.each<[string, string, JsonObject | string, number, string]>([
    ['a list', `${USER}/account_data/x`, '[]', 400, 'M_BAD_JSON'],
    ['no JSON', `${USER}/account_data/x`, 'x', 400, 'M_NOT_JSON'],
    ['no room ID', `${USER}/rooms/room/account_data/x`, {}, 400, 'M_INVALID_PARAM'],
    ['too long a type', `${USER}/account_data/${'x'.repeat(256)}`, {}, 400, 'M_INVALID_PARAM'],
    ['too large a content', `${USER}/account_data/x`, { text: 'x'.repeat(262_144) }, 413, 'M_TOO_LARGE'],
  ])('refuses %s', async (_what, path, body, status, errcode) => {
    expect(await put(path, body)).toMatchObject({ status, body: { errcode } });
    expect(changes).toEqual([]);
  });
});

describe('the tags of a room', () => {
  test('are set one by one, and are account data', async () => {
    expect(await server.ok('GET', `${ROOM}/tags`, { token })).toEqual({ tags: {} });
    await put(`${ROOM}/tags/m.favourite`, { order: 0.25 });
    await put(`${ROOM}/tags/u.Work`, {});
    const tags = { 'm.favourite': { order: 0.25 }, 'u.Work': {} };
    expect(await server.ok('GET', `${ROOM}/tags`, { token })).toEqual({ tags });
    expect(await server.ok('GET', `${ROOM}/account_data/m.tag`, { token })).toEqual({ tags });
    await server.ok('DELETE', `${ROOM}/tags/u.Work`, { token });
    expect(await server.ok('GET', `${ROOM}/tags`, { token })).toEqual({ tags: { 'm.favourite': { order: 0.25 } } });
    expect(changes).toHaveLength(3);
    await server.ok('DELETE', `${ROOM}/tags/u.Work`, { token });
    expect(changes).toHaveLength(3);
  });

  test('set at the same time all stay', async () => {
    const names = Array.from({ length: 20 }, (_unused, index) => `u.tag${index}`);
    await Promise.all(names.map((name) => put(`${ROOM}/tags/${name}`, {})));
    const { tags } = await server.ok('GET', `${ROOM}/tags`, { token });
    expect(Object.keys(tags as JsonObject).sort()).toEqual(names.sort());
  });

  test('are a hundred at most', async () => {
    for (let index = 0; index < 100; index++) await put(`${ROOM}/tags/u.${index}`, {});
    expect(await put(`${ROOM}/tags/u.100`, {})).toMatchObject({ status: 413, body: { errcode: 'M_TOO_LARGE' } });
    expect(await put(`${ROOM}/tags/u.99`, { order: 1 })).toMatchObject({ status: 200 });
  });

  test.each<[string, string, JsonObject]>([
    ['an order out of range', 'u.x', { order: 1.1 }],
    ['an order that is no number', 'u.x', { order: 'first' }],
    ['too long a name', `u.${'x'.repeat(254)}`, {}],
  ])('refuse %s', async (_what, tag, body) => {
    expect(await put(`${ROOM}/tags/${tag}`, body)).toMatchObject({ status: 400, body: { errcode: 'M_INVALID_PARAM' } });
  });
});

describe('saved filters', () => {
  const post = (body: JsonObject | string) => server.request('POST', `${USER}/filter`, { token, body });

  test('come back as they were saved, the same under the same ID', async () => {
    const filter = { room: { timeline: { limit: 5 } }, 'org.example': [1] };
    expect(await post(filter)).toMatchObject({ status: 200, body: { filter_id: '0' } });
    expect(await post({})).toMatchObject({ body: { filter_id: '1' } });
    expect(await post(filter)).toMatchObject({ body: { filter_id: '0' } });
    expect(await server.ok('GET', `${USER}/filter/0`, { token })).toEqual(filter);
    const { filters } = server.server.services.accounts;
    const { userId } = await server.createUser('bob');
    expect(await filters.save(userId, { event_format: 'federation' })).toBe('0');
    expect(await filters.load(userId, '0')).toMatchObject({ eventFormat: 'federation' });
  });

  test('are one where the same comes twice at once', async () => {
    const { reached, release } = holdAnswer(server.storage, selectFilterByJson);
    const late = post({ event_format: 'client' });
    await reached;
    expect(await post({ event_format: 'client' })).toMatchObject({ body: { filter_id: '0' } });
    release();
    expect(await late).toMatchObject({ status: 200, body: { filter_id: '0' } });
  });

  test('are parsed once', async () => {
    const { filters } = server.server.services.accounts;
    const { userId } = await server.createUser('bob');
    const filterId = await filters.save(userId, { room: { include_leave: true } });
    const filter = await filters.load(userId, filterId);
    const { reads } = server.storage.tally;
    expect(await filters.load(userId, filterId)).toBe(filter);
    expect(server.storage.tally.reads).toBe(reads);
  });

  test.each(['0', '1x', '-1', '9'.repeat(30)])('%s is not found where nothing was saved', async (filterId) => {
    expect(await server.request('GET', `${USER}/filter/${filterId}`, { token })).toMatchObject({
      status: 404,
      body: { errcode: 'M_NOT_FOUND' },
    });
  });

  test('are for their owner alone', async () => {
    await post({});
    const { accessToken: bobs } = await server.createUser('bob');
    expect(await server.request('GET', `${USER}/filter/0`, { token: bobs })).toMatchObject({ status: 403 });
    expect(await server.request('POST', `${USER}/filter`, { token: bobs, body: {} })).toMatchObject({ status: 403 });
  });

  test.each<[JsonObject | string, string]>([
    ['[]', 'M_BAD_JSON'],
    ['{', 'M_NOT_JSON'],
    [{ room: { timeline: { limit: 'ten' } } }, 'M_BAD_JSON'],
    [{ room: { rooms: ['nowhere'] } }, 'M_BAD_JSON'],
  ])('%j is refused', async (body, errcode) => {
    expect(await post(body)).toMatchObject({ status: 400, body: { errcode } });
  });

  test('are a thousand at most', async () => {
    const { filters } = server.server.services.accounts;
    const { userId } = await server.createUser('bob');
    await Promise.all(Array.from({ length: 1_000 }, (_unused, limit) => filters.save(userId, { presence: { limit } })));
    await expect(filters.save(userId, { presence: { limit: 1_000 } })).rejects.toMatchObject({
      errcode: 'M_TOO_LARGE',
    });
    expect(await filters.save(userId, { presence: { limit: 999 } })).toMatch(/^[0-9]+$/);
  });
});
