import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createTestServer, type TestResponse, type TestServer } from './support/test-server.ts';

const SIGNED = 'signed_curve25519';

let server: TestServer;
let alice: Session;
let bob: Session;

beforeEach(async () => {
  server = await createTestServer();
  [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
});

afterEach(() => server.stop());

function post(session: Session, path: string, body: JsonObject | string): Promise<TestResponse> {
  return server.request('POST', `/_matrix/client/v3${path}`, { token: session.accessToken, body });
}

async function sync(session: Session, since?: JsonObject): Promise<JsonObject> {
  const token = since === undefined ? '' : `?since=${since.next_batch}`;
  return server.ok('GET', `/_matrix/client/v3/sync${token}`, { token: session.accessToken });
}

function deviceKeys({ userId, deviceId }: Session, extra: JsonObject = {}): JsonObject {
  const signatures = { [userId]: { [`ed25519:${deviceId}`]: 'signature' } };
  const keys = { [`ed25519:${deviceId}`]: 'key' };
  return { user_id: userId, device_id: deviceId, algorithms: ['m.megolm.v1.aes-sha2'], keys, signatures, ...extra };
}

/** A room of Alice's with Bob in it. */
async function shareRoom(): Promise<string> {
  const { body } = await post(alice, '/createRoom', { preset: 'public_chat' });
  expect((await post(bob, `/rooms/${body.room_id}/join`, {})).status).toBe(200);
  return String(body.room_id);
}

test('keys are uploaded, found, claimed once, and counted in the answers of sync', async () => {
  const oneTimeKeys = { [`${SIGNED}:A`]: { key: 'a' }, [`${SIGNED}:B`]: { key: 'b' } };
  const upload = { device_keys: deviceKeys(alice), one_time_keys: oneTimeKeys };
  const fallback = { fallback_keys: { [`${SIGNED}:F`]: { key: 'f', fallback: true } } };
  const uploaded = await post(alice, '/keys/upload', { ...upload, ...fallback });
  expect(uploaded.body).toEqual({ one_time_key_counts: { [SIGNED]: 2 } });
  expect((await post(alice, '/keys/upload', {})).body).toEqual({ one_time_key_counts: { [SIGNED]: 2 } });
  const first = await sync(alice);
  expect(first.device_one_time_keys_count).toEqual({ [SIGNED]: 2 });
  expect(first.device_unused_fallback_key_types).toEqual([SIGNED]);

  const query = { device_keys: { [alice.userId]: [], [bob.userId]: [], '@x:other.example': [] } };
  const found = await post(bob, '/keys/query', query);
  expect(found.body).toEqual({
    device_keys: { [alice.userId]: { [alice.deviceId]: { ...deviceKeys(alice), unsigned: {} } }, [bob.userId]: {} },
    master_keys: {},
    self_signing_keys: {},
    user_signing_keys: {},
    failures: { 'other.example': expect.anything() },
  });

  const claim = { one_time_keys: { [alice.userId]: { [alice.deviceId]: SIGNED } } };
  const claimed = await Promise.all([1, 2, 3].map(() => post(bob, '/keys/claim', claim)));
  const names = claimed.map(({ body }) => {
    const users = body.one_time_keys as Record<string, Record<string, JsonObject>>;
    return Object.keys(users[alice.userId]?.[alice.deviceId] ?? {})[0];
  });
  expect(names.sort()).toEqual(['A', 'B', 'F'].map((keyId) => `${SIGNED}:${keyId}`));
  const later = await sync(alice, first);
  expect(later.device_one_time_keys_count).toEqual({ [SIGNED]: 0 });
  expect(later.device_unused_fallback_key_types).toEqual([]);
});

describe('bad input', () => {
  test.each<[string, JsonObject | string, string]>([
    ['/keys/upload', { device_keys: { user_id: '@alice:localhost' } }, 'M_MISSING_PARAM'],
    ['/keys/upload', { one_time_keys: { name: 'a' } }, 'M_INVALID_PARAM'],
    ['/keys/upload', { one_time_keys: ['a'] }, 'M_BAD_JSON'],
    ['/keys/upload', '{', 'M_NOT_JSON'],
    ['/keys/query', {}, 'M_MISSING_PARAM'],
    ['/keys/query', { device_keys: { '@a:localhost': 'all' } }, 'M_BAD_JSON'],
    ['/keys/query', { device_keys: { '@a\n:localhost': 5 } }, 'M_BAD_JSON'],
    ['/keys/query', { device_keys: {}, timeout: -1 }, 'M_INVALID_PARAM'],
    ['/keys/claim', {}, 'M_MISSING_PARAM'],
    ['/keys/claim', { one_time_keys: { '@a:localhost': { D: [SIGNED] } } }, 'M_BAD_JSON'],
  ])('%s %j is %s', async (path, body, errcode) => {
    const answer = await post(alice, path, body);
    expect([answer.status, answer.body.errcode]).toEqual([400, errcode]);
  });

  test('keys of another device are refused', async () => {
    const answer = await post(alice, '/keys/upload', { device_keys: deviceKeys(alice, { device_id: 'OTHER' }) });
    expect([answer.status, answer.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  });
});

describe('MatrixRTC 5: who shares a room hears of changed devices', () => {
  async function changes(session: Session, from: JsonObject, to: JsonObject): Promise<JsonObject> {
    const path = `/_matrix/client/v3/keys/changes?from=${from.next_batch}&to=${to.next_batch}`;
    return server.ok('GET', path, { token: session.accessToken });
  }

  test('by sync and by keys/changes, at an upload, a new name, a logout', async () => {
    const carol = await server.createUser('carol');
    await shareRoom();
    let before = await sync(bob);
    const carolBefore = await sync(carol);
    const steps = [
      () => post(alice, '/keys/upload', { device_keys: deviceKeys(alice) }),
      () =>
        server.request('PUT', `/_matrix/client/v3/devices/${alice.deviceId}`, {
          token: alice.accessToken,
          body: { display_name: 'phone' },
        }),
      () => post(alice, '/logout', {}),
    ];
    for (const step of steps) {
      expect((await step()).status).toBe(200);
      const after = await sync(bob, before);
      expect(after.device_lists).toMatchObject({ changed: [alice.userId] });
      expect(await changes(bob, before, after)).toEqual({ changed: [alice.userId], left: [] });
      before = after;
    }
    const after = await sync(carol, carolBefore);
    expect(after).not.toHaveProperty('device_lists.changed', [alice.userId]);
    expect(await changes(carol, carolBefore, after)).toEqual({ changed: [], left: [] });
  });

  test('whoever leaves the last shared room has left', async () => {
    const roomId = await shareRoom();
    const before = await sync(alice);
    expect((await post(bob, `/rooms/${roomId}/leave`, {})).status).toBe(200);
    const after = await sync(alice, before);
    expect(after.device_lists).toMatchObject({ left: [bob.userId] });
    expect(await changes(alice, before, after)).toEqual({ changed: [], left: [bob.userId] });
  });

  test.each(['from=nonsense&to=nonsense', 'from=s1_zzzzzz_1-1&to=s1_zzzzzz_1-1', 'from=x', ''])(
    'tokens that are none are refused: %s',
    async (query) => {
      const answer = await server.request('GET', `/_matrix/client/v3/keys/changes?${query}`, {
        token: alice.accessToken,
      });
      expect(answer.status).toBe(400);
      expect(answer.body.errcode).toBe(query.includes('to=') ? 'M_INVALID_PARAM' : 'M_MISSING_PARAM');
    },
  );
});
