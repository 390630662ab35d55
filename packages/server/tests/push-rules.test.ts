import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestServer, type Method, type TestServer } from './support/test-server.ts';

const V3 = '/_matrix/client/v3';
const GLOBAL = `${V3}/pushrules/global`;

let server: TestServer;
let alice: string;
let bob: string;

beforeEach(async () => {
  server = await createTestServer();
  alice = (await server.createUser('alice')).accessToken;
  bob = (await server.createUser('bob')).accessToken;
});

afterEach(() => server.stop());

type Rule = JsonObject & { rule_id: string };

const ask = (method: Method, path: string, body?: JsonObject) =>
  server.request(method, path, body === undefined ? { token: bob } : { token: bob, body });

const put = (path: string, body: JsonObject) => server.ok('PUT', `${GLOBAL}/${path}`, { token: bob, body });

async function rules(kind: string): Promise<Rule[]> {
  return (await server.ok('GET', `${GLOBAL}/`, { token: bob }))[kind] as Rule[];
}

const names = async (kind: string) => (await rules(kind)).map((rule) => rule.rule_id);

describe('push rules', () => {
  test('everybody has the default ones', async () => {
    for (const path of ['/pushrules/', '/pushrules', '/user/@bob:localhost/account_data/m.push_rules']) {
      const { global } = await server.ok('GET', `${V3}${path}`, { token: bob });
      expect(Object.keys(global as JsonObject)).toEqual(['override', 'content', 'room', 'sender', 'underride']);
      expect(global).toEqual(await server.ok('GET', GLOBAL, { token: bob }));
    }
    expect(await names('override')).toEqual(
      [
        ...['master', 'suppress_notices', 'invite_for_me', 'member_event', 'is_user_mention', 'contains_display_name'],
        ...['is_room_mention', 'roomnotif', 'tombstone', 'reaction', 'room.server_acl', 'suppress_edits'],
      ].map((name) => `.m.rule.${name}`),
    );
    expect(await rules('content')).toEqual([
      {
        rule_id: '.m.rule.contains_user_name',
        default: true,
        enabled: true,
        pattern: 'bob',
        actions: ['notify', { set_tweak: 'sound', value: 'default' }, { set_tweak: 'highlight' }],
      },
    ]);
    expect(await names('underride')).toEqual(
      ['call', 'encrypted_room_one_to_one', 'room_one_to_one', 'message', 'encrypted'].map((name) => `.m.rule.${name}`),
    );
    expect((await rules('override'))[2]?.conditions).toContainEqual({
      kind: 'event_match',
      key: 'state_key',
      pattern: '@bob:localhost',
    });
  });

  test('a new rule comes first, or where it is told; a changed one stays', async () => {
    await put('content/a', { pattern: 'a', actions: ['notify'] });
    await put('content/b', { pattern: 'b', actions: ['notify'] });
    await put('content/c?after=b', { pattern: 'c', actions: ['notify'] });
    await put('content/d?before=b&after=a', { pattern: 'd', actions: ['notify'] });
    const own = ['d', 'b', 'c', 'a', '.m.rule.contains_user_name'];
    expect(await names('content')).toEqual(own);
    await put('content/c/enabled', { enabled: false });
    await put('content/c', { pattern: 'x', actions: ['dont_notify'], conditions: [{ kind: 'y' }] });
    expect(await names('content')).toEqual(own);
    expect(await server.ok('GET', `${GLOBAL}/content/c`, { token: bob })).toEqual({
      rule_id: 'c',
      default: false,
      enabled: false,
      pattern: 'x',
      actions: [],
    });
    await put('content/a?before=d', { pattern: 'a', actions: [] });
    await server.ok('DELETE', `${GLOBAL}/content/b`, { token: bob });
    expect(await names('content')).toEqual(['a', 'd', 'c', '.m.rule.contains_user_name']);
    await put('override/mine', { actions: [], conditions: [] });
    expect((await names('override')).slice(0, 2)).toEqual(['.m.rule.master', 'mine']);
  });

  test('whether a rule is enabled, and what it does, for default ones too', async () => {
    const message = 'underride/.m.rule.message';
    expect(await ask('GET', `${GLOBAL}/${message}/enabled`)).toMatchObject({ status: 200, body: { enabled: true } });
    await put(`${message}/enabled`, { enabled: false });
    await put(`${message}/actions`, { actions: ['notify', { set_tweak: 'sound', value: 'x' }, 'coalesce'] });
    expect((await ask('GET', `${GLOBAL}/${message}/enabled`)).body).toEqual({ enabled: false });
    expect((await ask('GET', `${GLOBAL}/${message}/actions`)).body).toEqual({
      actions: ['notify', { set_tweak: 'sound', value: 'x' }],
    });
    expect((await rules('underride'))[3]).toMatchObject({ enabled: false, default: true });
    const { global } = await server.ok('GET', `${V3}/pushrules/`, { token: alice });
    expect((global as Record<string, Rule[]>).underride?.[3]).toMatchObject({ enabled: true });
  });

  const rule = { actions: ['notify'] };
  test.each<[Method, string, JsonObject | undefined, number, string]>([
    ['GET', 'content/none', undefined, 404, 'M_NOT_FOUND'],
    ['GET', 'override/.m.rule.message', undefined, 404, 'M_NOT_FOUND'],
    ['GET', 'content/none/enabled', undefined, 404, 'M_NOT_FOUND'],
    ['GET', 'content/none/actions', undefined, 404, 'M_NOT_FOUND'],
    ['GET', 'colour/none', undefined, 400, 'M_INVALID_PARAM'],
    ['DELETE', 'content/none', undefined, 404, 'M_NOT_FOUND'],
    ['DELETE', 'underride/.m.rule.message', undefined, 400, 'M_INVALID_PARAM'],
    ['PUT', 'content/none/enabled', { enabled: true }, 404, 'M_NOT_FOUND'],
    ['PUT', 'content/none/actions', { actions: [] }, 404, 'M_NOT_FOUND'],
    ['PUT', 'underride/.m.rule.message/enabled', { enabled: 'no' }, 400, 'M_BAD_JSON'],
    ['PUT', 'underride/.m.rule.message/actions', { actions: ['sing'] }, 400, 'M_INVALID_PARAM'],
    ['PUT', 'content/x', rule, 400, 'M_MISSING_PARAM'],
    ['PUT', 'content/x', { pattern: 'x' }, 400, 'M_MISSING_PARAM'],
    ['PUT', 'content/x', { pattern: 'x'.repeat(513), ...rule }, 400, 'M_INVALID_PARAM'],
    ['PUT', 'override/.mine', rule, 400, 'M_INVALID_PARAM'],
    ['PUT', 'underride/.m.rule.message', rule, 400, 'M_INVALID_PARAM'],
    ['PUT', 'override/a%5Cb', rule, 400, 'M_INVALID_PARAM'],
    ['PUT', 'override/a%2Fb', rule, 400, 'M_INVALID_PARAM'],
    ['PUT', 'override/x', { actions: [{ tweak: 'sound' }] }, 400, 'M_INVALID_PARAM'],
    ['PUT', 'override/x', { conditions: [{}], ...rule }, 400, 'M_MISSING_PARAM'],
    ['PUT', 'override/x?before=none', rule, 400, 'M_UNKNOWN'],
    ['PUT', 'override/x?after=.m.rule.master', rule, 400, 'M_UNKNOWN'],
  ])('%s %s with %j: %i %s', async (method, path, body, status, errcode) => {
    expect(await ask(method, `${GLOBAL}/${path}`, body)).toMatchObject({ status, body: { errcode } });
  });

  test('there is one scope', async () => {
    expect(await ask('GET', `${V3}/pushrules/device/`)).toMatchObject({
      status: 400,
      body: { errcode: 'M_INVALID_PARAM' },
    });
  });

  test('their patterns may not make messages slow', async () => {
    const pattern = '?'.repeat(500);
    for (let number = 0; number < 14; number += 1) await put(`content/${number}`, { actions: ['notify'], pattern });
    const conditions = Array.from({ length: 30 }, () => ({ kind: 'event_match', key: 'content.body', pattern: '*a*' }));
    const refused = { status: 413, body: { errcode: 'M_TOO_LARGE' } };
    expect(await ask('PUT', `${GLOBAL}/content/more`, { actions: ['notify'], pattern })).toMatchObject(refused);
    expect(await ask('PUT', `${GLOBAL}/override/more`, { actions: [], conditions })).toMatchObject(refused);
    await put('content/0', { actions: ['notify'], pattern: 'short' });
    await put('content/more', { actions: ['notify'], pattern: 'another' });
  });

  test('there is an end to them', async () => {
    const conditions = [{ kind: 'x', y: 'z'.repeat(60_000) }];
    await put('override/one', { actions: [], conditions });
    await put('override/two', { actions: [], conditions });
    expect(await ask('PUT', `${GLOBAL}/override/three`, { actions: [], conditions })).toMatchObject({
      status: 413,
      body: { errcode: 'M_TOO_LARGE' },
    });
    expect((await names('override')).slice(0, 3)).toEqual(['.m.rule.master', 'two', 'one']);
  });

  test('changes at once are all made', async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `rule${index}`);
    await Promise.all(ids.map((id) => put(`room/${id}`, { actions: [] })));
    expect((await names('room')).sort()).toEqual(ids.sort());
  });
});

async function sync(token: string, since?: string, filter: JsonObject = {}): Promise<JsonObject> {
  const query = `filter=${encodeURIComponent(JSON.stringify(filter))}${since === undefined ? '' : `&since=${since}`}`;
  return server.ok('GET', `${V3}/sync?${query}`, { token });
}

function pushRulesIn(answer: JsonObject): JsonObject | undefined {
  const { events = [] } = (answer.account_data ?? {}) as { events?: { type: string; content: JsonObject }[] };
  return events.find((event) => event.type === 'm.push_rules')?.content;
}

describe('in sync', () => {
  test('the first answer has the rules, and then each that follows a change', async () => {
    const first = await sync(bob);
    expect(pushRulesIn(first)).toEqual(await server.ok('GET', `${V3}/pushrules/`, { token: bob }));
    expect(pushRulesIn(await sync(bob, String(first.next_batch)))).toBeUndefined();
    await put('override/.m.rule.master/enabled', { enabled: true });
    const second = await sync(bob, String(first.next_batch));
    expect(pushRulesIn(second)).toEqual(await server.ok('GET', `${V3}/pushrules/`, { token: bob }));
    expect(pushRulesIn(await sync(bob, String(second.next_batch)))).toBeUndefined();
  });

  test('unread counts come with the event, go with a receipt, and threads stand apart', async () => {
    const created = await server.ok('POST', `${V3}/createRoom`, { token: alice, body: { preset: 'public_chat' } });
    const roomId = String(created.room_id);
    const room = `${V3}/rooms/${encodeURIComponent(roomId)}`;
    await server.ok('POST', `${room}/join`, { token: bob, body: {} });
    let transaction = 0;
    const say = async (body: JsonObject) => {
      const path = `${room}/send/m.room.message/t${transaction++}`;
      return String((await server.ok('PUT', path, { token: alice, body: { msgtype: 'm.text', ...body } })).event_id);
    };
    const roomIn = (answer: JsonObject) =>
      (answer as Record<string, Record<string, Record<string, JsonObject>>>).rooms?.join?.[roomId];
    const { next_batch: since } = await sync(bob);
    const root = await say({ body: 'hello bob' });
    const thread = { 'm.relates_to': { rel_type: 'm.thread', event_id: root }, 'm.mentions': {} };
    const reply = await say({ body: 'more of that', ...thread });
    const whole = await sync(bob, String(since));
    expect(roomIn(whole)?.unread_notifications).toEqual({ notification_count: 2, highlight_count: 1 });
    const byThread = { room: { timeline: { unread_thread_notifications: true } } };
    expect(roomIn(await sync(bob, String(since), byThread))).toMatchObject({
      unread_notifications: { notification_count: 1, highlight_count: 1 },
      unread_thread_notifications: { [root]: { notification_count: 1, highlight_count: 0 } },
    });
    await server.ok('POST', `${room}/receipt/m.read.private/${root}`, { token: bob, body: { thread_id: 'main' } });
    const afterMain = await sync(bob, String(whole.next_batch));
    expect(roomIn(afterMain)?.unread_notifications).toEqual({ notification_count: 1, highlight_count: 0 });
    await server.ok('POST', `${room}/receipt/m.read/${reply}`, { token: bob, body: {} });
    const afterAll = await sync(bob, String(afterMain.next_batch));
    expect(roomIn(afterAll)?.unread_notifications).toEqual({ notification_count: 0, highlight_count: 0 });
  });

  test('C11: a sticky event is notified like any other', async () => {
    const { room_id: roomId } = await server.ok('POST', `${V3}/createRoom`, {
      token: alice,
      body: { preset: 'public_chat' },
    });
    const room = `${V3}/rooms/${encodeURIComponent(String(roomId))}`;
    await server.ok('POST', `${room}/join`, { token: bob, body: {} });
    const path = `${room}/send/m.room.message/t1?org.matrix.msc4354.sticky_duration_ms=60000`;
    await server.ok('PUT', path, { token: alice, body: { msgtype: 'm.text', body: 'hello' } });
    const answer = (await sync(bob)) as { rooms?: { join?: Record<string, JsonObject> } };
    expect(answer.rooms?.join?.[String(roomId)]?.unread_notifications).toEqual({
      notification_count: 1,
      highlight_count: 0,
    });
  });
});
