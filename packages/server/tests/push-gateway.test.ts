import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { selectUnreadEvents } from '../src/storage/queries/unread.ts';
import { FakeGateway, GATEWAY_URL, pusherTo } from './support/fake-gateway.ts';
import { holdAnswer } from './support/hold-answer.ts';
import { SyncStory } from './support/sync-story.ts';

let gateway: FakeGateway;
let story: SyncStory;
let alice: Session;
let bob: Session;
let room: string;

beforeAll(async () => {
  gateway = new FakeGateway();
  story = await SyncStory.begin({}, { outboundHttp: gateway.outboundHttp });
  alice = await story.user('alice');
  await story.do(alice, 'PUT', `/profile/${alice.userId}/displayname`, { displayname: 'Alice' });
});

afterAll(() => story.end());

let users = 0;

/** Somebody new in a new room of alice's, with a pusher. */
beforeEach(async () => {
  users += 1;
  bob = await story.user(`bob${users}`);
  room = await story.room(alice, { preset: 'public_chat', name: 'Kitchen' });
  await story.join(bob, room);
  await set(pusherTo('key'));
  gateway.reply = () => ({});
  gateway.take();
});

function set(pusher: JsonObject, session = bob): Promise<JsonObject> {
  return story.do(session, 'POST', '/pushers/set', pusher);
}

async function pushers(session = bob): Promise<unknown> {
  return (await story.do(session, 'GET', '/pushers')).pushers;
}

async function told(): Promise<JsonObject[]> {
  await story.settle();
  return gateway.take();
}

async function toldEvents(): Promise<unknown[]> {
  await story.settle();
  return gateway.takeEvents();
}

describe('pushers', () => {
  test('are listed as they were set, and set anew under the same key', async () => {
    const profile = pusherTo('key', { profile_tag: 'tag', data: { format: 'event_id_only' } });
    await set(profile);
    await set(pusherTo('other key'));
    expect(await pushers()).toEqual([profile, pusherTo('other key')]);
    await set({ kind: null, app_id: 'test.app', pushkey: 'key' });
    await set({ kind: null, app_id: 'test.app', pushkey: 'nobody has this' });
    expect(await pushers()).toEqual([pusherTo('other key')]);
  });

  test('of one installation belong to who used it last, unless they are to be kept', async () => {
    const carol = await story.user(`carol${users}`);
    await set(pusherTo('key', { append: true }), carol);
    expect(await pushers()).toHaveLength(1);
    await set(pusherTo('key'), carol);
    expect(await pushers()).toEqual([]);
    expect(await pushers(carol)).toHaveLength(1);
    await story.say(alice, room, 'hello');
    expect(await toldEvents()).toEqual([]);
  });

  test('go with the device that set them', async () => {
    const phone = await story.login(`bob${users}`);
    await set(pusherTo('phone'), phone);
    expect(await pushers()).toHaveLength(2);
    await story.do(phone, 'POST', '/logout', {});
    expect(await pushers()).toEqual([pusherTo('key')]);
  });

  test('are not set by a device that was logged out meanwhile', async () => {
    const phone = await story.login(`bob${users}`);
    await story.do(phone, 'POST', '/logout', {});
    const { kind: _, ...pusher } = pusherTo('late');
    const { pushers: service } = story.server.server.services.pushDelivery;
    const late = service.set(phone, { ...pusher, kind: 'http' } as never, { append: false });
    await expect(late).rejects.toMatchObject({ errcode: 'M_UNKNOWN_TOKEN' });
    expect(await pushers()).toEqual([pusherTo('key')]);
  });

  test('are no more than fifty', async () => {
    await Promise.all(Array.from({ length: 49 }, (_, index) => set(pusherTo(`key ${index}`))));
    const { status, body } = await story.ask(bob, 'POST', '/pushers/set', pusherTo('one too many'));
    expect([status, body.errcode]).toEqual([403, 'M_FORBIDDEN']);
    await set(pusherTo('key', { lang: 'de' }));
  });

  test.each([
    ['M_MISSING_PARAM', { lang: undefined }],
    ['M_MISSING_PARAM', { kind: undefined }],
    ['M_MISSING_PARAM', { data: { url: undefined } }],
    ['M_INVALID_PARAM', { kind: 'email' }],
    ['M_INVALID_PARAM', { kind: 'pigeon' }],
    ['M_INVALID_PARAM', { pushkey: 'x'.repeat(513) }],
    ['M_INVALID_PARAM', { app_id: 'x'.repeat(65) }],
    ['M_INVALID_PARAM', { data: { url: 'http://push.test/_matrix/push/v1/notify' } }],
    ['M_INVALID_PARAM', { data: { url: 'https://push.test/admin' } }],
    ['M_INVALID_PARAM', { data: { url: 'https://me:secret@push.test/_matrix/push/v1/notify' } }],
    ['M_INVALID_PARAM', { data: { url: 7 } }],
    ['M_BAD_JSON', { data: 'none', lang: 7 }],
    ['M_TOO_LARGE', { data: { more: 'x'.repeat(20_000) } }],
  ])('%s for %j', async (errcode, wrong) => {
    const pusher = pusherTo('key', wrong as JsonObject);
    const { body } = await story.ask(bob, 'POST', '/pushers/set', pusher);
    expect(body.errcode).toBe(errcode);
  });
});

describe('a gateway', () => {
  test('is told all of an event, with the tweaks of the rule, and may not be at a private address', async () => {
    const eventId = await story.say(alice, room, 'hello', { 'm.mentions': { user_ids: [bob.userId] } });
    await story.settle();
    expect(gateway.requests).toMatchObject([{ method: 'POST', url: GATEWAY_URL, reach: 'public' }]);
    expect(gateway.take()).toEqual([
      {
        event_id: eventId,
        room_id: room,
        type: 'm.room.message',
        sender: alice.userId,
        sender_display_name: 'Alice',
        room_name: 'Kitchen',
        prio: 'high',
        content: { msgtype: 'm.text', body: 'hello', 'm.mentions': { user_ids: [bob.userId] } },
        counts: { unread: 1 },
        devices: [
          {
            app_id: 'test.app',
            pushkey: 'key',
            pushkey_ts: Math.floor(story.world.clock.nowMs() / 1_000),
            data: {},
            tweaks: { sound: 'default', highlight: true },
          },
        ],
      },
    ]);
  });

  test('of each of several pushers is told how much is unread', async () => {
    await set(pusherTo('other key'));
    // What one of them counts takes a while, and the other one comes meanwhile.
    const { reached, release } = holdAnswer(story.server.storage, selectUnreadEvents);
    await story.say(alice, room, 'hello');
    await reached;
    await story.settle();
    release();
    const counts = (await told()).map(({ devices, counts }) => [(devices as JsonObject[])[0]?.pushkey, counts]);
    expect(new Map(counts as [string, JsonObject][])).toEqual(
      new Map([
        ['key', { unread: 1 }],
        ['other key', { unread: 1 }],
      ]),
    );
    expect(counts).toHaveLength(2);
  });

  test('is told the ID alone where that is wanted, and no counts where they are not', async () => {
    const data = { format: 'event_id_only', 'org.matrix.msc4076.disable_badge_count': true };
    await set(pusherTo('key', { data }));
    const eventId = await story.say(alice, room, 'hello');
    const [notification] = await told();
    expect(notification).toMatchObject({ event_id: eventId, room_id: room, counts: {} });
    expect(notification).not.toHaveProperty('content');
    await story.read(bob, room, eventId);
    expect(await told()).toEqual([]);
  });

  test('hears nothing of what does not notify: own events, notices, muted rooms, ignored users', async () => {
    await story.say(bob, room, 'my own');
    await story.say(alice, room, 'a notice', { msgtype: 'm.notice' });
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: { [alice.userId]: {} } });
    await story.say(alice, room, 'nobody listens');
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: {} });
    const rule = `/pushrules/global/room/${encodeURIComponent(room)}`;
    await story.do(bob, 'PUT', rule, { actions: [] });
    await story.say(alice, room, 'muted');
    expect(await told()).toEqual([]);
  });

  test('is told of invites, as who is meant, unless the inviter is ignored', async () => {
    const other = await story.room(alice, { preset: 'private_chat', name: 'Cellar' });
    await story.put(alice, other, 'invite', bob);
    expect(await told()).toMatchObject([
      {
        type: 'm.room.member',
        room_id: other,
        room_name: 'Cellar',
        sender_display_name: 'Alice',
        user_is_target: true,
        content: { membership: 'invite' },
        counts: { unread: 1 },
      },
    ]);
    await story.join(bob, other);
    expect(await told()).toMatchObject([{ counts: { unread: 0 } }]);
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: { [alice.userId]: {} } });
    const third = await story.room(alice, { preset: 'private_chat' });
    await story.put(alice, third, 'invite', bob);
    expect(await toldEvents()).toEqual([]);
  });

  test('is told when less is unread: a receipt, an own message, a room that was left', async () => {
    const first = await story.say(alice, room, 'one');
    expect(await told()).toMatchObject([{ counts: { unread: 1 } }]);
    await story.say(alice, room, 'two');
    expect(await told()).toMatchObject([{ counts: { unread: 2 } }]);
    await story.read(bob, room, first);
    expect(await told()).toEqual([
      { counts: { unread: 1 }, prio: 'low', devices: [expect.objectContaining({ pushkey: 'key' })] },
    ]);
    await story.say(bob, room, 'read it');
    expect(await told()).toMatchObject([{ counts: { unread: 0 } }]);
    await story.say(alice, room, 'three');
    await told();
    await story.leave(bob, room);
    expect(await told()).toMatchObject([{ counts: { unread: 0 } }]);
  });

  test('that rejects a pushkey is asked no more for it', async () => {
    gateway.reply = () => ({ body: { rejected: ['key'] } });
    await story.say(alice, room, 'hello');
    expect(await toldEvents()).toHaveLength(1);
    expect(await pushers()).toEqual([]);
    await story.say(alice, room, 'hello again');
    expect(await told()).toEqual([]);
  });

  test.each([
    ['rejects the pushkey', { body: { rejected: ['key'] } }],
    ['fails', { status: 502 }],
  ])('that %s has no say in it when the application chose another one meanwhile', async (_what, answer) => {
    const url = 'https://other.test/_matrix/push/v1/notify';
    gateway.reply = () => answer;
    gateway.meanwhile = async () => {
      await set(pusherTo('key', { data: { url } }));
      gateway.reply = () => (gateway.requests.at(-1)?.url === url ? {} : answer);
    };
    const eventId = await story.say(alice, room, 'hello');
    await story.settle();
    expect(gateway.requests.map((request) => request.url)).toEqual([GATEWAY_URL, url]);
    expect(gateway.takeEvents()).toEqual([eventId, eventId]);
    expect(await pushers()).toHaveLength(1);
  });

  test('C11: is told of a sticky event like of any other', async () => {
    const path = `/rooms/${encodeURIComponent(room)}/send/m.room.message/sticky${users}`;
    const query = '?org.matrix.msc4354.sticky_duration_ms=60000';
    const { event_id: eventId } = await story.do(alice, 'PUT', `${path}${query}`, { msgtype: 'm.text', body: 'stick' });
    expect(await toldEvents()).toEqual([eventId]);
  });
});

describe('a gateway that fails', () => {
  test('is tried again after longer and longer pauses, and misses nothing but what was read meanwhile', async () => {
    gateway.reply = () => undefined;
    const read = await story.say(alice, room, 'one');
    expect(await toldEvents()).toEqual([read]);
    const unread = await story.say(alice, room, 'two');
    expect(await toldEvents()).toEqual([]);
    gateway.reply = () => ({ status: 502 });
    story.world.advance(2_000);
    expect(await toldEvents()).toEqual([read]);
    story.world.advance(1_999);
    expect(await toldEvents()).toEqual([]);
    await story.read(bob, room, read);
    gateway.reply = () => ({});
    story.world.advance(2_001);
    expect(await toldEvents()).toEqual([unread]);
  });

  test('is waited for as long as it asks for', async () => {
    gateway.reply = () => ({ status: 429, headers: { 'retry-after': '60' } });
    const eventId = await story.say(alice, room, 'one');
    await told();
    gateway.reply = () => ({});
    story.world.advance(59_999);
    expect(await told()).toEqual([]);
    story.world.advance(1);
    expect(await toldEvents()).toEqual([eventId]);
  });

  test('does without what it finds fault with', async () => {
    gateway.reply = ({ content }) => ((content as JsonObject).body === 'bad' ? { status: 400 } : {});
    const bad = await story.say(alice, room, 'bad');
    await told();
    const good = await story.say(alice, room, 'good');
    story.world.advance(2_000);
    await told();
    story.world.advance(4_000);
    expect(await toldEvents()).toEqual([bad, good]);
  });

  test('does not lose what it finds fault with once, when it was out of reach before', async () => {
    gateway.reply = () => ({ status: 502 });
    const eventId = await story.say(alice, room, 'one');
    await told();
    for (const pauseMs of [2_000, 4_000]) {
      story.world.advance(pauseMs);
      expect(await toldEvents()).toEqual([eventId]);
    }
    gateway.reply = () => ({ status: 400 });
    story.world.advance(8_000);
    expect(await toldEvents()).toEqual([eventId]);
    gateway.reply = () => ({});
    story.world.advance(16_000);
    expect(await toldEvents()).toEqual([eventId]);
  });

  test.each([undefined, { status: 502 }, { status: 404 }, { status: 410 }])(
    'keeps its pushers though it answers %j for a day and more',
    async (answer) => {
      gateway.reply = () => answer;
      await story.say(alice, room, 'one');
      for (let hour = 0; hour < 30; hour++) {
        await told();
        story.world.advance(3_600_000);
      }
      await told();
      gateway.reply = () => ({});
      const eventId = await story.say(alice, room, 'two');
      const atOnce = await toldEvents();
      story.world.advance(3_600_000);
      expect([...atOnce, ...(await toldEvents())]).toEqual([eventId]);
      expect(await pushers()).toHaveLength(1);
    },
  );

  test('is told by the next process what this one could not, and waited for on', async () => {
    gateway.reply = () => undefined;
    const eventId = await story.say(alice, room, 'before the restart');
    const invited = await story.room(alice, { preset: 'private_chat' });
    await told();
    await story.put(alice, invited, 'invite', bob);
    await told();
    gateway.reply = () => ({});
    await story.restart();
    expect(await told()).toEqual([]);
    story.world.advance(2_000);
    expect((await told()).map(({ room_id }) => room_id)).toEqual([room, invited]);
    await story.restart();
    expect(await told()).toEqual([]);
    expect(eventId).toBeDefined();
  });

  test('is not told what is a day old', async () => {
    gateway.reply = () => undefined;
    await story.say(alice, room, 'one');
    await told();
    gateway.reply = () => ({});
    story.world.advance(86_400_001);
    expect(await toldEvents()).toEqual([]);
  });
});
