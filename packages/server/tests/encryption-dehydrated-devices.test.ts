import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { SigningUser, signaturesOn, signedDeviceKeys } from './support/signing-user.ts';
import { SyncStory } from './support/sync-story.ts';
import type { Method, TestResponse } from './support/test-server.ts';

const DEVICE = '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device';
const DATA = { algorithm: 'org.matrix.msc3814.v1.olm', device_pickle: 'pickle' };

let story: SyncStory;
let alice: Session;
let users = 0;

beforeAll(async () => {
  story = await SyncStory.begin();
});

beforeEach(async () => {
  users += 1;
  alice = await story.user(`alice${users}`);
});

afterAll(() => story.end());

function ask(method: Method, path = '', body?: JsonObject): Promise<TestResponse> {
  const request = { token: alice.accessToken, ...(body === undefined ? {} : { body }) };
  return story.server.request(method, `${DEVICE}${path}`, request);
}

async function verdict(...request: Parameters<typeof ask>): Promise<unknown[]> {
  const { status, body } = await ask(...request);
  return [status, body.errcode];
}

function device(deviceId: string, extra: JsonObject = {}): JsonObject {
  const device_keys = { ...signedDeviceKeys(alice.userId, deviceId, 50), dehydrated: true };
  return {
    device_id: deviceId,
    device_data: DATA,
    initial_device_display_name: 'Dehydrated device',
    device_keys,
    one_time_keys: { 'signed_curve25519:A': { key: 'a' } },
    fallback_keys: { 'signed_curve25519:F': { key: 'f', fallback: true } },
    ...extra,
  };
}

async function put(deviceId: string): Promise<void> {
  expect((await ask('PUT', '', device(deviceId))).body).toEqual({ device_id: deviceId });
}

async function send(to: string, count: number): Promise<void> {
  for (let number = 1; number <= count; number++) {
    const messages = { [alice.userId]: { [to]: { number } } };
    await story.do(alice, 'PUT', `/sendToDevice/m.test/${to}${number}`, { messages });
  }
}

function numbersIn({ body }: TestResponse): unknown[] {
  return (body.events as { content: { number: number } }[]).map(({ content }) => content.number);
}

async function devicesOf(session: Session): Promise<Record<string, JsonObject>> {
  const answer = await story.do(session, 'POST', '/keys/query', { device_keys: { [session.userId]: [] } });
  return (answer.device_keys as Record<string, Record<string, JsonObject>>)[session.userId] ?? {};
}

test('a dehydrated device is a device to others (queries, claims, device_lists); there is one at most', async () => {
  expect(await verdict('GET')).toEqual([404, 'M_NOT_FOUND']);
  expect(await verdict('DELETE')).toEqual([404, 'M_NOT_FOUND']);
  const bob = await story.user(`bob${users}`);
  await story.join(bob, await story.room(alice));
  const client = story.client(bob);
  await client.sync();
  for (const deviceId of ['FIRST', 'SECOND', 'SECOND']) {
    await put(deviceId);
    expect((await client.sync()).body.device_lists).toMatchObject({ changed: [alice.userId] });
    expect((await ask('GET')).body).toEqual({ device_id: deviceId, device_data: DATA });
    const unsigned = { device_display_name: 'Dehydrated device' };
    expect(await devicesOf(alice)).toEqual({
      [deviceId]: { ...(device(deviceId).device_keys as JsonObject), unsigned },
    });
    const claim = { one_time_keys: { [alice.userId]: { [deviceId]: 'signed_curve25519' } } };
    for (const name of ['A', 'F']) {
      const { one_time_keys: claimed } = await story.do(bob, 'POST', '/keys/claim', claim);
      expect(claimed).toHaveProperty([alice.userId, deviceId, `signed_curve25519:${name}`]);
    }
  }
  expect((await ask('DELETE')).body).toEqual({ device_id: 'SECOND' });
  expect(await devicesOf(alice)).toEqual({});
  expect((await client.sync()).body.device_lists).toMatchObject({ changed: [alice.userId] });
  expect(await verdict('GET')).toEqual([404, 'M_NOT_FOUND']);
});

test('its user signs it, and what ends other devices ends it too', async () => {
  const keys = new SigningUser(alice.userId, 60);
  await story.do(alice, 'POST', '/keys/device_signing/upload', keys.keys());
  await put('DRY');
  const signature = keys.signedBy(keys.selfSigning, device('DRY').device_keys as JsonObject);
  expect(await story.do(alice, 'POST', '/keys/signatures/upload', { [alice.userId]: { DRY: signature } })).toEqual({
    failures: {},
  });
  expect(Object.keys(signaturesOn((await devicesOf(alice)).DRY, alice.userId))).toHaveLength(2);
  const auth = { type: 'm.login.password', user: alice.userId, password: `password of alice${users}` };
  await story.do(alice, 'DELETE', '/devices/DRY', { auth });
  expect(await verdict('GET')).toEqual([404, 'M_NOT_FOUND']);
});

test('its messages come page by page, and stay until it is replaced', async () => {
  await put('DRY');
  await send('DRY', 5);
  const events = '/DRY/events';
  for (const _ of [1, 2]) {
    const first = await ask('GET', `${events}?limit=3`);
    expect(numbersIn(first)).toEqual([1, 2, 3]);
    const second = await ask('GET', `${events}?limit=3&from=${first.body.next_batch}`);
    expect(numbersIn(second)).toEqual([4, 5]);
    expect(second.body).not.toHaveProperty('next_batch');
  }
  // As older clients ask: there is a token until there are no events.
  const first = await ask('POST', events, {});
  expect(numbersIn(first)).toEqual([1, 2, 3, 4, 5]);
  const last = await ask('POST', events, { next_batch: first.body.next_batch ?? null });
  expect(last.body).toEqual({ events: [], next_batch: expect.any(String) });
  await put('DRY');
  expect((await ask('GET', events)).body).toEqual({ events: [] });
});

test('who asks for another device, or with a token that is none, is refused', async () => {
  expect(await verdict('GET', '/DRY/events')).toEqual([403, 'M_FORBIDDEN']);
  await put('DRY');
  expect(await verdict('POST', '/OTHER/events', {})).toEqual([403, 'M_FORBIDDEN']);
  expect(await verdict('GET', `/${alice.deviceId}/events`)).toEqual([403, 'M_FORBIDDEN']);
  for (const from of ['x', '1-2.x', '1', '1-99999999999999999999', Array(101).fill('1-1').join('.')]) {
    expect(await verdict('GET', `/DRY/events?from=${from}`)).toEqual([400, 'M_INVALID_PARAM']);
    expect(await verdict('POST', '/DRY/events', { next_batch: from })).toEqual([400, 'M_INVALID_PARAM']);
  }
  expect(await verdict('GET', '/DRY/events?limit=0')).toEqual([400, 'M_INVALID_PARAM']);
});

test('no dehydrated device takes the place of another device, nor does anybody log in as one', async () => {
  await story.uploadKeys(alice);
  expect(await verdict('PUT', '', device(alice.deviceId))).toEqual([400, 'M_INVALID_PARAM']);
  await put('DRY');
  const identifier = { type: 'm.id.user', user: `alice${users}` };
  const login = { type: 'm.login.password', identifier, password: `password of alice${users}`, device_id: 'DRY' };
  const { status, body } = await story.server.request('POST', '/_matrix/client/v3/login', { body: login });
  expect([status, body.errcode]).toEqual([403, 'M_FORBIDDEN']);
  expect(Object.keys(await devicesOf(alice)).sort()).toEqual([alice.deviceId, 'DRY'].sort());
});

test('of two at once one is kept', async () => {
  const answers = await Promise.all(['ONE', 'TWO'].map((deviceId) => ask('PUT', '', device(deviceId))));
  for (const { status } of answers) expect([200, 429]).toContain(status);
  expect(Object.keys(await devicesOf(alice))).toHaveLength(1);
});

test('bad input is refused', async () => {
  const cases: [JsonObject, unknown[]][] = [
    [{}, [400, 'M_MISSING_PARAM']],
    [device('DRY', { device_keys: { user_id: alice.userId } }), [400, 'M_MISSING_PARAM']],
    [device('DRY', { device_keys: device('OTHER').device_keys ?? null }), [400, 'M_INVALID_PARAM']],
    [device('DRY', { device_data: {} }), [400, 'M_MISSING_PARAM']],
    [device('DRY', { device_data: { ...DATA, x: 'x'.repeat(262_144) } }), [413, 'M_TOO_LARGE']],
    [device('DRY', { one_time_keys: { nonsense: 'x' } }), [400, 'M_INVALID_PARAM']],
    [device('DRY', { initial_device_display_name: 'x'.repeat(257) }), [400, 'M_INVALID_PARAM']],
    [device('x'.repeat(256)), [400, 'M_INVALID_PARAM']],
    [device(''), [400, 'M_INVALID_PARAM']],
  ];
  for (const [body, expected] of cases) expect(await verdict('PUT', '', body)).toEqual(expected);
  const many = Object.fromEntries(Array.from({ length: 1_001 }, (_, number) => [`a:${number}`, 'x']));
  expect(await verdict('PUT', '', device('DRY', { one_time_keys: many }))).toEqual([413, 'M_TOO_LARGE']);
  expect(await verdict('GET')).toEqual([404, 'M_NOT_FOUND']);
});
