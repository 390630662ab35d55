import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { eventually } from './support/eventually.ts';
import { createTestFederation, type TestFederation } from './support/test-federation.ts';

const CLIENT = '/_matrix/client/v3';

let federation: TestFederation;
/** On the server that is told things. */
let alice: Session;
/** On the server that tells them. */
let bob: Session;
let isListGiven: boolean;
let sent: number;
/** The newest update of Bob's list that his server really sent. */
let known: number;

beforeEach(async () => {
  isListGiven = true;
  sent = 0;
  federation = await createTestFederation(['a.test', 'b.test'], {
    onRequest: async ({ path }, pass) => {
      if (isListGiven || !path.includes('/user/devices/')) return pass();
      return { status: 500, headers: {}, body: '{"errcode":"M_UNKNOWN"}' };
    },
  });
  alice = await federation.server('a.test').createUser('alice');
  bob = await federation.server('b.test').createUser('bob');
});

afterEach(() => federation.stop());

async function ok(who: Session, method: 'GET' | 'POST', path: string, body?: JsonObject): Promise<JsonObject> {
  const server = federation.server(who === alice ? 'a.test' : 'b.test');
  return server.ok(method, `${CLIENT}${path}`, { token: who.accessToken, ...(body === undefined ? {} : { body }) });
}

async function shareRoom(): Promise<void> {
  await ok(bob, 'POST', '/keys/upload', { device_keys: deviceKeys(bob.deviceId) });
  const { room_id: roomId } = await ok(alice, 'POST', '/createRoom', { preset: 'public_chat' });
  await ok(bob, 'POST', `/join/${roomId}?server_name=a.test`, {});
  // What his server says of itself because he joined comes first.
  await eventually(() => {
    const said = federation.requests('b.test', 'a.test').filter(({ body }) => body.includes('m.device_list_update'));
    expect(said.map(({ status }) => status)).toEqual([200]);
  });
  const path = `/_matrix/federation/v1/user/devices/${bob.userId}`;
  const list = await federation
    .server('a.test')
    .server.services.remoteServers.request('b.test', { method: 'GET', path });
  known = Number((list as JsonObject).stream_id);
  federation.clearRequests();
}

function deviceKeys(deviceId: string, extra: JsonObject = {}): JsonObject {
  return {
    user_id: bob.userId,
    device_id: deviceId,
    algorithms: [],
    keys: { [`ed25519:${deviceId}`]: 'key' },
    signatures: {},
    ...extra,
  };
}

/** The server of Bob sends this, whatever it is. */
async function tell(type: string, content: JsonObject): Promise<void> {
  sent++;
  await federation.server('b.test').server.services.remoteServers.request('a.test', {
    method: 'PUT',
    path: `/_matrix/federation/v1/send/told${sent}`,
    body: { origin: 'b.test', origin_server_ts: 1, pdus: [], edus: [{ edu_type: type, content }] },
  });
}

function update(deviceId: string, streamId: number, previous: number[], extra: JsonObject = {}): Promise<void> {
  const place = { stream_id: streamId, prev_id: previous, user_id: bob.userId, device_id: deviceId };
  return tell('m.device_list_update', { ...place, keys: deviceKeys(deviceId), ...extra });
}

async function query(): Promise<{ devices: string[]; answer: JsonObject }> {
  const answer = await ok(alice, 'POST', '/keys/query', { device_keys: { [bob.userId]: [] } });
  const devices = (answer.device_keys as Record<string, JsonObject>)[bob.userId] ?? {};
  return { devices: Object.keys(devices).sort(), answer };
}

function asked(): number {
  return federation.requests('a.test', 'b.test').filter(({ path }) => path.includes('/user/devices/')).length;
}

async function sync(since?: JsonObject): Promise<JsonObject> {
  return ok(alice, 'GET', `/sync?timeout=0${since === undefined ? '' : `&since=${since.next_batch}`}`);
}

describe('m.device_list_update', () => {
  beforeEach(async () => {
    await shareRoom();
    expect((await query()).devices).toEqual([bob.deviceId]);
  });

  test('that follows what is known is taken as it is, and is told to clients', async () => {
    let before = await sync();
    await update('NEW', known + 5, [known], { device_display_name: 'phone' });
    let next = await sync(before);
    expect(next.device_lists).toEqual({ changed: [bob.userId], left: [] });
    const { devices, answer } = await query();
    expect(devices).toEqual([bob.deviceId, 'NEW'].sort());
    expect(answer.device_keys).toMatchObject({
      [bob.userId]: { NEW: { ...deviceKeys('NEW'), unsigned: { device_display_name: 'phone' } } },
    });
    before = next;
    await update('NEW', known + 6, [known + 5], { deleted: true });
    next = await sync(before);
    expect(next.device_lists).toEqual({ changed: [bob.userId], left: [] });
    expect((await query()).devices).toEqual([bob.deviceId]);
    // Once more does nothing.
    await update('NEW', known + 6, [known + 5], { deleted: true });
    expect((await sync(next)).device_lists).toBeUndefined();
    expect(asked()).toBe(1);
  });

  test('after one that was lost has the list asked for again', async () => {
    const before = await sync();
    await update('FORGED', known + 7, [known + 6]);
    expect((await sync(before)).device_lists).toEqual({ changed: [bob.userId], left: [] });
    await eventually(() => expect(asked()).toBe(2));
    expect((await query()).devices).toEqual([bob.deviceId]);
  });

  test('while the list is not to be had makes it a failure, and a restart goes on asking', async () => {
    isListGiven = false;
    await update('LOST', known + 7, [known + 6]);
    expect(await query()).toMatchObject({ devices: [], answer: { failures: { 'b.test': { errcode: 'M_UNKNOWN' } } } });
    await federation.halt('a.test');
    isListGiven = true;
    federation.clearRequests();
    await federation.resume('a.test');
    await eventually(() => expect(asked()).toBe(1));
    await eventually(async () => expect((await query()).answer.failures).toEqual({}));
    expect((await query()).devices).toEqual([bob.deviceId]);
    expect(asked()).toBe(1);
  });

  test.each<[string, JsonObject]>([
    ['of a user of another server', { user_id: '@alice:a.test' }],
    [
      'with keys of another user',
      { keys: { user_id: '@alice:a.test', device_id: 'NEW', algorithms: [], keys: {}, signatures: {} } },
    ],
    ['with keys of another device', { keys: { device_id: 'OTHER' } }],
    ['with keys that are too large', { keys: { large: 'x'.repeat(66_000) } }],
    ['without a device', { device_id: 5 }],
    ['with a stream_id that is none', { stream_id: -1 }],
    ['with a prev_id that is none', { prev_id: 'all' }],
    ['of a user with whom no room is shared', { user_id: '@carol:b.test', keys: {} }],
  ])('%s is not taken', async (_what, wrong) => {
    const before = await sync();
    const keys = typeof wrong.keys === 'object' && !Array.isArray(wrong.keys) ? wrong.keys : {};
    await update('NEW', known + 5, [known], { ...wrong, keys: { ...deviceKeys('NEW'), ...keys } });
    expect((await sync(before)).device_lists).toBeUndefined();
    expect((await query()).devices).toEqual([bob.deviceId]);
    expect(asked()).toBe(1);
  });
});

test('m.signing_key_update: the keys are given out, those of others are not taken', async () => {
  await shareRoom();
  await query();
  const masterKey = { user_id: bob.userId, usage: ['master'], keys: { 'ed25519:M': 'M' } };
  const selfSigningKey = { user_id: bob.userId, usage: ['self_signing'], keys: { 'ed25519:S': 'S' }, signatures: {} };
  await tell('m.signing_key_update', { user_id: bob.userId, master_key: { ...masterKey, user_id: alice.userId } });
  await tell('m.signing_key_update', { user_id: alice.userId, master_key: { ...masterKey, user_id: alice.userId } });
  await tell('m.signing_key_update', { user_id: bob.userId, master_key: selfSigningKey });
  expect((await query()).answer).toMatchObject({ master_keys: {}, self_signing_keys: {} });
  const before = await sync();
  await tell('m.signing_key_update', {
    user_id: bob.userId,
    master_key: masterKey,
    self_signing_key: selfSigningKey,
  });
  expect((await sync(before)).device_lists).toEqual({ changed: [bob.userId], left: [] });
  expect((await query()).answer).toMatchObject({
    master_keys: { [bob.userId]: masterKey },
    self_signing_keys: { [bob.userId]: selfSigningKey },
  });
});

describe('m.direct_to_device', () => {
  const message = (extra: JsonObject = {}) => ({
    sender: bob.userId,
    type: 'm.test',
    message_id: 'one',
    messages: { [alice.userId]: { [alice.deviceId]: { a: 1 } } },
    ...extra,
  });
  const received = async () => ((await sync()).to_device as { events: JsonObject[] } | undefined)?.events ?? [];

  test('comes once, however often it is sent and whoever restarts', async () => {
    await tell('m.direct_to_device', message());
    await tell('m.direct_to_device', message());
    await federation.restart('a.test');
    await tell('m.direct_to_device', message());
    expect(await received()).toEqual([{ type: 'm.test', sender: bob.userId, content: { a: 1 } }]);
    await tell('m.direct_to_device', message({ message_id: 'two', messages: { [alice.userId]: { '*': { a: 2 } } } }));
    expect(await received()).toHaveLength(2);
  });

  test.each<[string, JsonObject]>([
    ['from a user of another server', { sender: '@alice:a.test' }],
    ['without an ID', { message_id: 7 }],
    ['with a type that is too long', { type: 'x'.repeat(256) }],
    ['with messages that are none', { messages: { '@alice:a.test': { '*': 'text' } } }],
    ['for nobody here', { messages: { '@alice:b.test': { '*': {} }, '@nobody:a.test': { '*': {} } } }],
  ])('%s is not taken', async (_what, wrong) => {
    await tell('m.direct_to_device', message(wrong));
    expect(await received()).toEqual([]);
  });
});
