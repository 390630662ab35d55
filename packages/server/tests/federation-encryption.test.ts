import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { selectRemoteLists } from '../src/storage/queries/remote-devices.ts';
import { eventually } from './support/eventually.ts';
import { holdAnswer } from './support/hold-answer.ts';
import { createTestFederation, type TestFederation } from './support/test-federation.ts';
import type { TestResponse } from './support/test-server.ts';

const SIGNED = 'signed_curve25519';
const CLIENT = '/_matrix/client/v3';

let federation: TestFederation;
let alice: Session;
let bob: Session;

beforeEach(async () => {
  federation = await createTestFederation(['a.test', 'b.test']);
  alice = await federation.server('a.test').createUser('alice');
  bob = await federation.server('b.test').createUser('bob');
});

afterEach(() => federation.stop());

function serverOf({ userId }: Session) {
  return federation.server(userId.slice(userId.indexOf(':') + 1));
}

function ask(who: Session, method: 'GET' | 'POST' | 'PUT', path: string, body: JsonObject = {}): Promise<TestResponse> {
  const sent = method === 'GET' ? {} : { body };
  return serverOf(who).request(method, `${CLIENT}${path}`, { token: who.accessToken, ...sent });
}

async function ok(...request: Parameters<typeof ask>): Promise<JsonObject> {
  const { status, body, text } = await ask(...request);
  if (status !== 200) throw new Error(`${request[2]} answered ${status}: ${text}`);
  return body;
}

function sync(who: Session, since?: JsonObject, timeoutMs = 0): Promise<JsonObject> {
  const token = since === undefined ? '' : `&since=${since.next_batch}`;
  return ok(who, 'GET', `/sync?timeout=${timeoutMs}${token}`);
}

/** A room of Alice's in which Bob is, too. */
async function shareRoom(): Promise<string> {
  const { room_id: roomId } = await ok(alice, 'POST', '/createRoom', { preset: 'public_chat' });
  await ok(bob, 'POST', `/join/${roomId}?server_name=a.test`);
  return String(roomId);
}

function deviceKeys({ userId, deviceId }: Session, extra: JsonObject = {}): JsonObject {
  const signatures = { [userId]: { [`ed25519:${deviceId}`]: 'signature' } };
  const keys = { [`ed25519:${deviceId}`]: 'key' };
  return { user_id: userId, device_id: deviceId, algorithms: ['m.megolm.v1.aes-sha2'], keys, signatures, ...extra };
}

async function upload(who: Session, extra: JsonObject = {}): Promise<void> {
  await ok(who, 'POST', '/keys/upload', { device_keys: deviceKeys(who, extra) });
}

/** Bob's view of Alice's devices: by device, their keys. */
async function queriedByBob(timeoutMs = 10_000): Promise<JsonObject> {
  const answer = await ok(bob, 'POST', '/keys/query', { device_keys: { [alice.userId]: [] }, timeout: timeoutMs });
  return answer as { device_keys: JsonObject; failures: JsonObject };
}

function asked(what: string): number {
  return federation.requests('b.test', 'a.test').filter(({ path }) => path.includes(what)).length;
}

describe('keys of users of another server', () => {
  test('of strangers are asked for each time, and claimed once', async () => {
    await upload(alice);
    const oneTimeKeys = { [`${SIGNED}:A`]: { key: 'a' }, [`${SIGNED}:B`]: { key: 'b' } };
    await ok(alice, 'POST', '/keys/upload', { one_time_keys: oneTimeKeys });
    const expected = { [alice.userId]: { [alice.deviceId]: { ...deviceKeys(alice), unsigned: {} } } };
    for (const count of [1, 2]) {
      expect(await queriedByBob()).toMatchObject({ device_keys: expected, failures: {} });
      expect(asked('/user/keys/query')).toBe(count);
    }
    const claim = { one_time_keys: { [alice.userId]: { [alice.deviceId]: SIGNED } } };
    const claimed = await Promise.all([1, 2].map(() => ok(bob, 'POST', '/keys/claim', claim)));
    expect(claimed.map((answer) => JSON.stringify(answer.one_time_keys)).sort()).toEqual(
      ['A', 'B'].map((name) => {
        const key = { [`${SIGNED}:${name}`]: { key: name.toLowerCase() } };
        return JSON.stringify({ [alice.userId]: { [alice.deviceId]: key } });
      }),
    );
    expect(await ok(bob, 'POST', '/keys/claim', claim)).toEqual({
      one_time_keys: {},
      failures: {},
    });
  });

  test('are asked for once where a room is shared, and Bob hears of each change (MatrixRTC 5)', async () => {
    await upload(alice);
    await shareRoom();
    let before = await sync(bob);
    const first = { [alice.userId]: { [alice.deviceId]: { ...deviceKeys(alice), unsigned: {} } } };
    for (const _ of [1, 2]) expect((await queriedByBob()).device_keys).toEqual(first);
    expect([asked('/user/devices'), asked('/user/keys/query')]).toEqual([1, 0]);
    const changes: [() => Promise<unknown>, JsonObject][] = [
      [() => upload(alice, { more: 1 }), { [alice.deviceId]: { ...deviceKeys(alice, { more: 1 }), unsigned: {} } }],
      [
        () => ok(alice, 'PUT', `/devices/${alice.deviceId}`, { display_name: 'phone' }),
        {
          [alice.deviceId]: { ...deviceKeys(alice, { more: 1 }), unsigned: { device_display_name: 'phone' } },
        },
      ],
      [() => ok(alice, 'POST', '/logout'), {}],
    ];
    for (const [change, devices] of changes) {
      await change();
      await eventually(async () => expect((await queriedByBob()).device_keys).toEqual({ [alice.userId]: devices }));
      const next = await sync(bob, before);
      expect(next.device_lists).toMatchObject({ changed: [alice.userId] });
      before = next;
    }
    // The first update followed none, so the list was asked for again; the others were taken as they came.
    expect([asked('/user/devices'), asked('/user/keys/query')]).toEqual([2, 0]);
  });

  test('are not asked for again by who looked just before they came', async () => {
    await upload(alice);
    await shareRoom();
    const { reached, release } = holdAnswer(serverOf(bob).storage, selectRemoteLists);
    const late = queriedByBob();
    await reached;
    const first = { [alice.userId]: { [alice.deviceId]: { ...deviceKeys(alice), unsigned: {} } } };
    expect((await queriedByBob()).device_keys).toEqual(first);
    release();
    expect((await late).device_keys).toEqual(first);
    expect(asked('/user/devices')).toBe(1);
  });

  test('are failures while the server is away; what is known stays known', async () => {
    await upload(alice);
    await shareRoom();
    await queriedByBob();
    federation.cut('a.test', 'b.test');
    expect(await queriedByBob()).toMatchObject({ device_keys: { [alice.userId]: {} }, failures: {} });
    const query = { device_keys: { '@carol:a.test': [] } };
    expect(await ok(bob, 'POST', '/keys/query', query)).toEqual({
      device_keys: {},
      master_keys: {},
      self_signing_keys: {},
      user_signing_keys: {},
      failures: { 'a.test': { errcode: 'M_UNKNOWN', error: expect.any(String) } },
    });
  });

  test('are dropped with the last shared room, and the user has left', async () => {
    await upload(alice);
    const roomId = await shareRoom();
    await queriedByBob();
    const before = await sync(bob);
    await ok(bob, 'POST', `/rooms/${roomId}/leave`);
    expect((await sync(bob, before)).device_lists).toMatchObject({ left: [alice.userId] });
    await eventually(async () => {
      await queriedByBob();
      expect(asked('/user/keys/query')).toBeGreaterThan(0);
    });
  });
});

describe('messages to devices', () => {
  async function send(to: string, deviceId: string, transactionId: string, count = 1): Promise<void> {
    const content = { text: 'x'.repeat(20_000) };
    const devices = Object.fromEntries(Array.from({ length: count }, (_, n) => [`${deviceId}${n || ''}`, content]));
    await ok(alice, 'PUT', `/sendToDevice/m.test/${transactionId}`, { messages: { [to]: devices } });
  }

  test('reach one device, or all of them, once per transaction ID', async () => {
    await send(bob.userId, bob.deviceId, '1');
    await send(bob.userId, bob.deviceId, '1');
    await send(bob.userId, '*', '2');
    const events = await eventually(async () => {
      const { to_device: section } = (await sync(bob)) as { to_device?: { events: JsonObject[] } };
      expect(section?.events).toHaveLength(2);
      return section?.events;
    });
    expect(events?.map(({ type, sender }) => [type, sender])).toEqual([
      ['m.test', alice.userId],
      ['m.test', alice.userId],
    ]);
  });

  test('wait for a server that is away, also when we start again', async () => {
    federation.cut('a.test', 'b.test');
    await send(bob.userId, bob.deviceId, '1');
    await federation.restart('a.test');
    federation.heal('a.test', 'b.test');
    await vi.waitFor(
      async () => {
        const { to_device: section } = (await sync(bob)) as { to_device?: { events: JsonObject[] } };
        expect(section?.events).toHaveLength(1);
      },
      { timeout: 25_000 },
    );
  });
});

describe('what another server is given', () => {
  const request = (path: string, body?: JsonObject) =>
    federation.server('b.test').server.services.remoteServers.request('a.test', {
      method: body === undefined ? 'GET' : 'POST',
      path: `/_matrix/federation/v1/user/${path}`,
      ...(body === undefined ? {} : { body }),
    });

  test('the devices of a user of ours, with keys and names', async () => {
    await upload(alice);
    await ok(alice, 'PUT', `/devices/${alice.deviceId}`, { display_name: 'phone' });
    expect(await request(`devices/${alice.userId}`)).toEqual({
      user_id: alice.userId,
      stream_id: 0,
      devices: [{ device_id: alice.deviceId, keys: deviceKeys(alice), device_display_name: 'phone' }],
    });
    await expect(request('devices/@nobody:a.test')).rejects.toMatchObject({ status: 404, errcode: 'M_NOT_FOUND' });
    await expect(request(`devices/${bob.userId}`)).rejects.toMatchObject({ status: 400, errcode: 'M_INVALID_PARAM' });
  });

  test('keys of users of ours alone', async () => {
    await upload(alice);
    expect(await request('keys/query', { device_keys: { [alice.userId]: [], [bob.userId]: [] } })).toEqual({
      device_keys: { [alice.userId]: { [alice.deviceId]: { ...deviceKeys(alice), unsigned: {} } } },
      master_keys: {},
      self_signing_keys: {},
    });
    const claim = { [bob.userId]: { [bob.deviceId]: SIGNED }, [alice.userId]: { [alice.deviceId]: SIGNED } };
    expect(await request('keys/claim', { one_time_keys: claim })).toEqual({ one_time_keys: {} });
  });
});
