import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { FakeGateway, pusherTo } from './support/fake-gateway.ts';
import { SyncStory } from './support/sync-story.ts';
import type { SyncingClient } from './support/syncing-client.ts';
import { createTestServer } from './support/test-server.ts';

/** What threads notify of. Specification: MSC4306, "New Push Rules". */

const THREADS = '/_matrix/client/unstable/io.element.msc4306';
const RULES = '/_matrix/client/v3/pushrules/global';
const BY_THREAD = { room: { timeline: { unread_thread_notifications: true } } };
const SUBSCRIBED = '.io.element.msc4306.rule.subscribed_thread';
const UNSUBSCRIBED = '.io.element.msc4306.rule.unsubscribed_thread';

let gateway: FakeGateway;
let story: SyncStory;
let alice: Session;
let bob: Session;
let client: SyncingClient;
let room: string;
let root: string;
let users = 0;

beforeAll(async () => {
  gateway = new FakeGateway();
  const config = { push: { thread_subscriptions: true } };
  story = await SyncStory.begin(config, { outboundHttp: gateway.outboundHttp });
  alice = await story.user('alice');
});
afterAll(() => story.end());

/** Somebody new in a new room of alice's, with a pusher. Carol makes three of them. */
beforeEach(async () => {
  users += 1;
  bob = await story.user(`bob${users}`);
  room = await story.room(alice);
  await story.join(bob, room);
  await story.join(await story.user(`carol${users}`), room);
  await story.do(bob, 'POST', '/pushers/set', pusherTo('key'));
  root = await story.say(alice, room, 'root');
  client = story.client(bob, BY_THREAD);
  await client.sync();
  await story.settle();
  gateway.take();
});

const inThread = (more: JsonObject = {}) => ({ 'm.relates_to': { rel_type: 'm.thread', event_id: root }, ...more });

function subscribe(who: Session, method: 'PUT' | 'DELETE' = 'PUT'): Promise<unknown> {
  const path = `${THREADS}/rooms/${encodeURIComponent(room)}/thread/${encodeURIComponent(root)}/subscription`;
  return story.server.ok(method, path, { token: who.accessToken, ...(method === 'PUT' ? { body: {} } : {}) });
}

/** What is unread in the thread, and of which events the gateway hears. */
async function news(): Promise<{ unread: unknown; told: unknown[] }> {
  const threads = (await client.sync()).room(room).unread_thread_notifications as JsonObject | undefined;
  await story.settle();
  return { unread: threads?.[root], told: gateway.takeEvents() };
}

const counts = (notifications: number, highlights = 0) => ({
  notification_count: notifications,
  highlight_count: highlights,
});

describe('a thread', () => {
  test('notifies nobody who does not follow it, but of mentions', async () => {
    await story.say(alice, room, 'quiet', inThread());
    expect(await news()).toEqual({ unread: undefined, told: [] });
    const mention = await story.say(alice, room, 'you', inThread({ 'm.mentions': { user_ids: [bob.userId] } }));
    expect(await news()).toEqual({ unread: counts(1, 1), told: [mention] });
  });

  test('notifies who follows it, from then on and as long as he does, with a sound', async () => {
    await story.say(alice, room, 'before', inThread());
    await subscribe(bob);
    const heard = await story.say(alice, room, 'now', inThread());
    await client.sync();
    await story.settle();
    const [notification] = gateway.take();
    expect(notification).toMatchObject({ event_id: heard, devices: [{ tweaks: { sound: 'default' } }] });
    await subscribe(bob, 'DELETE');
    await story.say(alice, room, 'after', inThread());
    expect((await news()).told).toEqual([]);
    const main = await story.say(alice, room, 'in the main timeline');
    expect((await news()).told).toEqual([main]);
  });

  test('notifies who follows it in a room that is muted', async () => {
    const path = `${RULES}/room/${encodeURIComponent(room)}`;
    await story.server.ok('PUT', path, { token: bob.accessToken, body: { actions: [] } });
    await subscribe(bob);
    await story.say(alice, room, 'muted');
    const heard = await story.say(alice, room, 'followed', inThread());
    expect(await news()).toEqual({ unread: counts(1), told: [heard] });
  });

  test('is like the main timeline for who disables the rules', async () => {
    for (const rule of [SUBSCRIBED, UNSUBSCRIBED]) {
      const path = `${RULES}/postcontent/${rule}/enabled`;
      await story.server.ok('PUT', path, { token: bob.accessToken, body: { enabled: false } });
    }
    const heard = await story.say(alice, room, 'usual', inThread());
    expect(await news()).toEqual({ unread: counts(1), told: [heard] });
  });

  test('notifies who followed it before he came back into the room', async () => {
    await subscribe(bob);
    await story.do(bob, 'POST', `/rooms/${encodeURIComponent(room)}/leave`, {});
    await story.join(bob, room);
    await client.sync();
    gateway.take();
    const heard = await story.say(alice, room, 'back again', inThread());
    expect((await news()).told).toEqual([heard]);
  });
});

describe('the rules of threads', () => {
  test('stand in a kind of their own, where no client may add any', async () => {
    const { postcontent } = await story.server.ok('GET', RULES, { token: bob.accessToken });
    expect(postcontent).toEqual([
      {
        rule_id: UNSUBSCRIBED,
        default: true,
        enabled: true,
        conditions: [{ kind: 'io.element.msc4306.thread_subscription', subscribed: false }],
        actions: [],
      },
      {
        rule_id: SUBSCRIBED,
        default: true,
        enabled: true,
        conditions: [{ kind: 'io.element.msc4306.thread_subscription', subscribed: true }],
        actions: ['notify', { set_tweak: 'sound', value: 'default' }],
      },
    ]);
    const own = { token: bob.accessToken, body: { actions: ['notify'], conditions: [] } };
    const refused = await story.server.request('PUT', `${RULES}/postcontent/mine`, own);
    expect([refused.status, refused.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
    const removed = await story.server.request('DELETE', `${RULES}/postcontent/${SUBSCRIBED}`, {
      token: bob.accessToken,
    });
    expect([removed.status, removed.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  });

  test('are not there unless they are switched on', async () => {
    const usual = await createTestServer();
    try {
      const { accessToken: token } = await usual.createUser('dave');
      expect(await usual.ok('GET', RULES, { token })).not.toHaveProperty('postcontent');
      const rule = await usual.request('GET', `${RULES}/postcontent/${SUBSCRIBED}`, { token });
      expect([rule.status, rule.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    } finally {
      await usual.stop();
    }
  });
});
