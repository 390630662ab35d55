import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { selectBackup } from '../src/storage/queries/key-backups.ts';
import { defineStatement } from '../src/storage/statement.ts';
import { eventually } from './support/eventually.ts';
import { createManualWorld, type ManualWorld } from './support/manual-world.ts';
import { createTestServer, type Method, type TestResponse, type TestServer } from './support/test-server.ts';

const ALGORITHM = 'm.megolm_backup.v1.curve25519-aes-sha2';
const ROOM = '!room:localhost';
const OTHER_ROOM = '!other:localhost';
const COUNT_DELETED = defineStatement<Record<string, never>, { count: number }>(
  'select count(*) as count from key_backups where is_deleted = 1',
);
const COUNT_DELETED_KEYS = defineStatement<Record<string, never>, { count: number }>(
  `select count(*) as count from backup_keys keys
   join key_backups backups on backups.backup_nid = keys.backup_nid where backups.is_deleted = 1`,
);
const METHOD = { algorithm: ALGORITHM, auth_data: { public_key: 'abc' } };

let world: ManualWorld;
let server: TestServer;
let alice: Session;
let users = 0;

beforeAll(async () => {
  world = createManualWorld();
  server = await createTestServer({ world });
});

beforeEach(async () => {
  users += 1;
  alice = await server.createUser(`alice${users}`);
});

afterAll(() => server.stop());

function ask(method: Method, path: string, body?: JsonObject | string): Promise<TestResponse> {
  const request = { token: alice.accessToken, ...(body === undefined ? {} : { body }) };
  return server.request(method, `/_matrix/client/v3/room_keys${path}`, request);
}

async function ok(...request: Parameters<typeof ask>): Promise<JsonObject> {
  const { status, body, text } = await ask(...request);
  expect([request[1], status, status === 200 ? '' : text]).toEqual([request[1], 200, '']);
  return body;
}

async function verdict(...request: Parameters<typeof ask>): Promise<unknown[]> {
  const { status, body } = await ask(...request);
  return [status, body.errcode];
}

function key(extra: JsonObject = {}): JsonObject {
  return { first_message_index: 3, forwarded_count: 1, is_verified: false, session_data: { mac: 'x' }, ...extra };
}

function inRoom(roomId: string, ...sessionIds: string[]): JsonObject {
  return { [roomId]: { sessions: Object.fromEntries(sessionIds.map((sessionId) => [sessionId, key()])) } };
}

const begin = async () => String((await ok('POST', '/version', METHOD)).version);
const path = (roomId: string, sessionId?: string) =>
  `/keys/${encodeURIComponent(roomId)}${sessionId === undefined ? '' : `/${encodeURIComponent(sessionId)}`}`;

describe('versions of a backup', () => {
  test('are made, found, changed and deleted, and none is used twice', async () => {
    expect(await verdict('GET', '/version')).toEqual([404, 'M_NOT_FOUND']);
    expect(await begin()).toBe('1');
    expect(await begin()).toBe('2');
    const second = { ...METHOD, version: '2', etag: '0', count: 0 };
    expect(await ok('GET', '/version')).toEqual(second);
    expect(await ok('GET', '/version/2')).toEqual(second);
    const changed = { public_key: 'abc', signatures: { [alice.userId]: { 'ed25519:X': 'signature' } } };
    await ok('PUT', '/version/1', { ...METHOD, auth_data: changed, version: '1' });
    expect(await ok('GET', '/version/1')).toEqual({ ...second, auth_data: changed, version: '1' });

    for (const _ of [1, 2]) expect(await ok('DELETE', '/version/2')).toEqual({});
    expect(await verdict('GET', '/version/2')).toEqual([404, 'M_NOT_FOUND']);
    expect(await ok('GET', '/version')).toMatchObject({ version: '1' });
    expect(await begin()).toBe('3');
  });

  test('go with the account', async () => {
    await begin();
    const auth = { type: 'm.login.password', user: alice.userId, password: `password of alice${users}` };
    await server.ok('POST', '/_matrix/client/v3/account/deactivate', { token: alice.accessToken, body: { auth } });
    expect((await server.storage.read(selectBackup, { userId: alice.userId, version: 1 })).length).toBe(0);
  });

  test('of others are not there, and what is none is not found', async () => {
    await begin();
    alice = await server.createUser(`bob${users}`);
    for (const version of ['1', '2', '0', '01', '-1', 'x', '1e1', '99999999999999999999']) {
      expect(await verdict('GET', `/version/${version}`)).toEqual([404, 'M_NOT_FOUND']);
      expect(await verdict('PUT', `/version/${version}`, METHOD)).toEqual([404, 'M_NOT_FOUND']);
      expect(await verdict('DELETE', `/version/${version}`)).toEqual([404, 'M_NOT_FOUND']);
      for (const keys of ['/keys', path(ROOM), path(ROOM, 's')]) {
        expect(await verdict('GET', `${keys}?version=${version}`)).toEqual([404, 'M_NOT_FOUND']);
        expect(await verdict('DELETE', `${keys}?version=${version}`)).toEqual([404, 'M_NOT_FOUND']);
      }
      expect(await verdict('PUT', `/keys?version=${version}`, { rooms: {} })).toEqual([404, 'M_NOT_FOUND']);
    }
  });

  test('bad input is refused', async () => {
    await begin();
    const large = { ...METHOD, auth_data: { x: 'x'.repeat(65_536) } };
    const cases: [Method, string, JsonObject, unknown[]][] = [
      ['POST', '/version', {}, [400, 'M_MISSING_PARAM']],
      ['POST', '/version', { ...METHOD, auth_data: 'x' }, [400, 'M_BAD_JSON']],
      ['POST', '/version', large, [413, 'M_TOO_LARGE']],
      ['POST', '/version', { ...METHOD, algorithm: 'x'.repeat(256) }, [413, 'M_TOO_LARGE']],
      ['PUT', '/version/1', { ...METHOD, algorithm: 'other' }, [400, 'M_INVALID_PARAM']],
      ['PUT', '/version/1', { ...METHOD, version: '2' }, [400, 'M_INVALID_PARAM']],
      ['PUT', '/version/1', large, [413, 'M_TOO_LARGE']],
    ];
    for (const [method, where, body, expected] of cases) expect(await verdict(method, where, body)).toEqual(expected);
    await Promise.all(Array.from({ length: 98 }, (_, n) => n).map(() => ask('POST', '/version', METHOD)));
    let last: unknown[] = [];
    for (let attempt = 0; attempt < 120 && last[0] !== 413; attempt++) last = await verdict('POST', '/version', METHOD);
    expect(last).toEqual([413, 'M_TOO_LARGE']);
  });
});

describe('keys in a backup', () => {
  let version: string;

  beforeEach(async () => {
    version = `version=${await begin()}`;
  });

  const put = (rooms: JsonObject) => ok('PUT', `/keys?${version}`, { rooms });

  test('are put, found and deleted: all, those of a room, one; the count goes along', async () => {
    expect(await put({ ...inRoom(ROOM, 'a', 'b'), ...inRoom(OTHER_ROOM, 'a') })).toEqual({ etag: '1', count: 3 });
    const more = await ok('PUT', `${path(ROOM)}?${version}`, { sessions: { c: key(), d: key() } });
    expect(more).toEqual({ etag: '2', count: 5 });
    expect(await ok('PUT', `${path(ROOM, 'e/f')}?${version}`, key())).toEqual({ etag: '3', count: 6 });
    expect(await ok('GET', '/version')).toMatchObject({ etag: '3', count: 6 });

    const all = await ok('GET', `/keys?${version}`);
    expect(all).toEqual({ rooms: { ...inRoom(ROOM, 'a', 'b', 'c', 'd', 'e/f'), ...inRoom(OTHER_ROOM, 'a') } });
    expect(await ok('GET', `${path(OTHER_ROOM)}?${version}`)).toEqual({ sessions: { a: key() } });
    expect(await ok('GET', `${path('!nobody:localhost')}?${version}`)).toEqual({ sessions: {} });
    expect(await ok('GET', `${path(ROOM, 'e/f')}?${version}`)).toEqual(key());
    expect(await verdict('GET', `${path(ROOM, 'none')}?${version}`)).toEqual([404, 'M_NOT_FOUND']);

    expect(await ok('DELETE', `${path(ROOM, 'a')}?${version}`)).toEqual({ etag: '4', count: 5 });
    expect(await ok('DELETE', `${path(ROOM, 'a')}?${version}`)).toEqual({ etag: '4', count: 5 });
    expect(await ok('DELETE', `${path(ROOM)}?${version}`)).toEqual({ etag: '5', count: 1 });
    expect(await ok('GET', `/keys?${version}`)).toEqual({ rooms: inRoom(OTHER_ROOM, 'a') });
    expect(await ok('DELETE', `/keys?${version}`)).toEqual({ etag: '6', count: 0 });
    expect(await ok('GET', `/keys?${version}`)).toEqual({ rooms: {} });
    expect(await put(inRoom(ROOM, 'a'))).toEqual({ etag: '7', count: 1 });
  });

  test('the better one of two is kept, and what changes nothing leaves the etag', async () => {
    const steps: [JsonObject, string, JsonObject][] = [
      [key(), '1', key()],
      [key({ session_data: { mac: 'other' } }), '1', key()],
      [key({ forwarded_count: 0, session_data: {} }), '2', key({ forwarded_count: 0, session_data: {} })],
      [key({ first_message_index: 2 }), '3', key({ first_message_index: 2 })],
      [key({ first_message_index: 9, is_verified: true }), '4', key({ first_message_index: 9, is_verified: true })],
      [key({ first_message_index: 0 }), '4', key({ first_message_index: 9, is_verified: true })],
    ];
    for (const [sent, etag, kept] of steps) {
      expect(await put({ [ROOM]: { sessions: { a: sent } } })).toEqual({ etag, count: 1 });
      expect(await ok('GET', `${path(ROOM, 'a')}?${version}`)).toEqual(kept);
    }
    expect(await put({})).toEqual({ etag: '4', count: 1 });
  });

  test('of several devices at once none is lost, and each is counted once', async () => {
    const devices = Array.from({ length: 6 }, (_, n) => put(inRoom(ROOM, 'shared', `own${n}`)));
    const etags = (await Promise.all(devices)).map(({ etag }) => etag);
    expect(new Set(etags).size).toBe(6);
    expect(await ok('GET', '/version')).toMatchObject({ etag: '6', count: 7 });
  });

  test('go to the current backup alone; those of an old one can still be read and deleted', async () => {
    await put(inRoom(ROOM, 'a'));
    await begin();
    for (const where of ['/keys', path(ROOM), path(ROOM, 'a')]) {
      const body = { rooms: {}, sessions: {}, ...key() };
      const { status, body: answer } = await ask('PUT', `${where}?${version}`, body);
      expect([status, answer]).toMatchObject([403, { errcode: 'M_WRONG_ROOM_KEYS_VERSION', current_version: '2' }]);
    }
    expect(await ok('GET', `/keys?${version}`)).toEqual({ rooms: inRoom(ROOM, 'a') });
    expect(await ok('DELETE', `${path(ROOM)}?${version}`)).toMatchObject({ count: 0 });
  });

  test('a large backup is read in the order of its rooms, page by page', async () => {
    const names = Array.from({ length: 700 }, (_, n) => `s${String(n).padStart(4, '0')}`);
    const rooms = { ...inRoom(ROOM, ...names), ...inRoom(OTHER_ROOM, ...names) };
    expect(await put(rooms)).toEqual({ etag: '1', count: 1_400 });
    const { reads } = server.storage.tally;
    expect(await ok('GET', '/version')).toMatchObject({ count: 1_400 });
    expect(server.storage.tally.reads - reads).toBeLessThanOrEqual(2);
    expect(await ok('GET', `/keys?${version}`)).toEqual({ rooms });
    expect(await ok('GET', `${path(ROOM)}?${version}`)).toEqual({ sessions: (rooms[ROOM] as JsonObject).sessions });
  });

  test('of a deleted backup, and all that were deleted, go in the background', async () => {
    const names = Array.from({ length: 600 }, (_, n) => `s${n}`);
    await put(inRoom(ROOM, ...names));
    await ok('DELETE', `/keys?${version}`);
    await put(inRoom(ROOM, 'last'));
    const { version: second } = await ok('POST', '/version', METHOD);
    await ok('PUT', `/keys?version=${second}`, { rooms: inRoom(ROOM, 'x') });
    await ok('DELETE', `/version/${second}`);
    const rest = async () => {
      const [backups] = await server.storage.read(COUNT_DELETED, {});
      const [keys] = await server.storage.read(COUNT_DELETED_KEYS, {});
      return [backups?.count, keys?.count];
    };
    expect((await rest())[1]).toBeGreaterThanOrEqual(601);
    await eventually(async () => {
      world.advance(10 * 60_000);
      expect(await rest()).toEqual([0, 0]);
    });
    expect(await ok('GET', `/keys?${version}`)).toEqual({ rooms: inRoom(ROOM, 'last') });
  });

  test('bad input is refused, and nothing of it is kept', async () => {
    const many = Object.fromEntries(Array.from({ length: 2_001 }, (_, n) => [`s${n}`, key()]));
    const manyRooms = Object.assign({}, ...Array.from({ length: 501 }, (_, n) => inRoom(`!r${n}:localhost`, 'a')));
    const large = key({ session_data: { x: 'x'.repeat(16_384) } });
    const cases: [string, JsonObject, unknown[]][] = [
      ['/keys', { rooms: inRoom(ROOM, 'a') }, [400, 'M_MISSING_PARAM']],
      [`/keys?${version}`, {}, [400, 'M_MISSING_PARAM']],
      [`/keys?${version}`, { rooms: { [ROOM]: {} } }, [400, 'M_MISSING_PARAM']],
      [`/keys?${version}`, { rooms: { nonsense: { sessions: { a: key() } } } }, [400, 'M_INVALID_PARAM']],
      [`/keys?${version}`, { rooms: manyRooms }, [413, 'M_TOO_LARGE']],
      [`${path(ROOM)}?${version}`, { sessions: { a: key(), '': key() } }, [400, 'M_INVALID_PARAM']],
      [`${path(ROOM)}?${version}`, { sessions: many }, [413, 'M_TOO_LARGE']],
      [`${path(ROOM)}?${version}`, { sessions: { a: key(), b: large } }, [413, 'M_TOO_LARGE']],
      [`${path(ROOM, 'a')}?${version}`, { ...key(), is_verified: 1 }, [400, 'M_BAD_JSON']],
      [`${path(ROOM, 'a')}?${version}`, { ...key(), first_message_index: -1 }, [400, 'M_INVALID_PARAM']],
      [`${path(ROOM, 'a')}?${version}`, { ...key(), forwarded_count: 0.5 }, [400, 'M_BAD_JSON']],
      [`${path(ROOM, 'a')}?${version}`, { is_verified: true }, [400, 'M_MISSING_PARAM']],
      [`${path('nonsense', 'a')}?${version}`, key(), [400, 'M_INVALID_PARAM']],
    ];
    for (const [where, body, expected] of cases) {
      expect([where, ...(await verdict('PUT', where, body))]).toEqual([where, ...expected]);
    }
    for (const where of ['/keys', path(ROOM), path(ROOM, 'a')]) {
      expect(await verdict('GET', where)).toEqual([400, 'M_MISSING_PARAM']);
      expect(await verdict('DELETE', where)).toEqual([400, 'M_MISSING_PARAM']);
    }
    expect(await ok('GET', '/version')).toMatchObject({ etag: '0', count: 0 });
  });
});
