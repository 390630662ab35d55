import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { defineStatement } from '../src/storage/statement.ts';
import { DelayedStory, STABLE, UNSTABLE } from './support/delayed-story.ts';
import type { TestResponse } from './support/test-server.ts';

/** What owners do with delayed events. Specification: MSC4140, "Managing scheduled delayed events"; MSC4486. */

const endAccount = defineStatement<{ userId: string }>('update users set is_deactivated = 1 where user_id = :userId');

let delayed: DelayedStory;
let alice: Session;
let bob: Session;
let roomId: string;

beforeAll(async () => {
  delayed = await DelayedStory.begin();
  alice = await delayed.story.user('alice');
  bob = await delayed.story.user('bob');
  roomId = await delayed.story.room(alice);
  await delayed.story.join(bob, roomId);
});

afterAll(() => delayed.story.end());

const V3 = '/_matrix/client/v3';

function outcome({ status, body }: TestResponse): unknown[] {
  return status === 200 ? [200, body] : [status, body.errcode];
}

async function count(body: string): Promise<number> {
  return (await delayed.bodies(bob, roomId)).filter((one) => one === body).length;
}

describe('G2: restart', () => {
  test('its time begins anew, as often as it is asked', async () => {
    const delayId = await delayed.byQuery(alice, roomId, 8_000, { body: 'restarted' });
    for (let round = 0; round < 5; round += 1) {
      await delayed.pass(4_000);
      expect(outcome(await delayed.act(alice, delayId, 'restart'))).toEqual([200, {}]);
    }
    expect((await delayed.look(alice, delayId)).running_since).toBe(delayed.story.world.clock.nowMs());
    await delayed.pass(7_999);
    expect(await count('restarted')).toBe(0);
    await delayed.pass(1);
    expect(await count('restarted')).toBe(1);
  });

  test('a wall clock that steps makes nothing early or late', async () => {
    await delayed.byQuery(alice, roomId, 8_000, { body: 'stepped' });
    delayed.story.world.stepWallClock(3_600_000);
    await delayed.pass(7_999);
    expect(await count('stepped')).toBe(0);
    delayed.story.world.stepWallClock(-3_600_000);
    await delayed.pass(1);
    expect(await count('stepped')).toBe(1);
  });
});

describe('G2: send and cancel', () => {
  test.each([
    ['the stable path', STABLE],
    ['the unstable path', UNSTABLE],
  ])('%s: at once and once; never', async (name, prefix) => {
    const sent = await delayed.byQuery(alice, roomId, 60_000, { body: `sent by ${name}` });
    const cancelled = await delayed.byQuery(alice, roomId, 60_000, { body: `cancelled by ${name}` });
    expect(outcome(await delayed.act(alice, sent, 'send', prefix))).toEqual([200, {}]);
    expect(outcome(await delayed.act(alice, cancelled, 'cancel', prefix))).toEqual([200, {}]);
    expect(await count(`sent by ${name}`)).toBe(1);
    await delayed.pass(60_000);
    expect([await count(`sent by ${name}`), await count(`cancelled by ${name}`)]).toEqual([1, 0]);
  });

  test('the older form, with the action in the body', async () => {
    const delayId = await delayed.byQuery(alice, roomId, 60_000, { body: 'by body' });
    const act = (body: JsonObject) => delayed.ask(alice, 'POST', `${UNSTABLE}/delayed_events/${delayId}`, body);
    expect(outcome(await act({ action: 'restart' }))).toEqual([200, {}]);
    expect(outcome(await act({ action: 'send' }))).toEqual([200, {}]);
    expect(await count('by body')).toBe(1);
    expect([outcome(await act({ action: 'other' })), outcome(await act({}))]).toEqual([
      [400, 'M_INVALID_PARAM'],
      [400, 'M_MISSING_PARAM'],
    ]);
  });

  test('all at once are one event, and the others wait for what comes of it', async () => {
    const delayId = await delayed.byQuery(alice, roomId, 60_000, { body: 'at once' });
    const actions = ['send', 'send', 'cancel', 'send', 'restart'];
    const answers = await Promise.all(actions.map((action) => delayed.act(alice, delayId, action, STABLE)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 409, 200, 409]);
    expect(await count('at once')).toBe(1);
  });
});

describe('G2: what is finalised already', () => {
  const ENDS = ['sent', 'cancelled', 'failed'] as const;
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    ids.sent = await delayed.byQuery(alice, roomId, 60_000);
    await delayed.act(alice, ids.sent, 'send');
    ids.cancelled = await delayed.byQuery(alice, roomId, 60_000);
    await delayed.act(alice, ids.cancelled, 'cancel');
    ids.failed = await delayed.byQuery(alice, '!elsewhere:localhost', 1_000);
    await delayed.pass(1_000);
  });

  const OK = [200, {}];
  const CONFLICT = [409, 'M_UNKNOWN'];
  const GONE = [404, 'M_NOT_FOUND'];

  test.each([
    ['restart', STABLE, [CONFLICT, CONFLICT, CONFLICT]],
    ['send', STABLE, [OK, CONFLICT, CONFLICT]],
    ['cancel', STABLE, [CONFLICT, OK, OK]],
    ['restart', UNSTABLE, [GONE, GONE, GONE]],
    ['send', UNSTABLE, [OK, CONFLICT, CONFLICT]],
    ['cancel', UNSTABLE, [GONE, OK, OK]],
  ])('%s by %s of what was sent, cancelled, or failed', async (action, prefix, expected) => {
    const answers = ENDS.map(async (end) => outcome(await delayed.act(alice, String(ids[end]), action, prefix)));
    expect(await Promise.all(answers)).toEqual(expected);
  });
});

describe('G4: power levels count when it is sent', () => {
  test('what the room refuses has failed, with its error; another try is another delayed event', async () => {
    const delayId = await delayed.schedule(
      bob,
      roomId,
      { delay_ms: 1_000, state_key: '', content: { topic: 'x' } },
      'm.room.topic',
    );
    await delayed.pass(1_000);
    const shown = await delayed.look(bob, delayId);
    expect(shown).toMatchObject({
      error: { errcode: 'M_FORBIDDEN' },
      finalised: { error: { errcode: 'M_FORBIDDEN' } },
    });
    expect(shown).not.toHaveProperty('event_id');
  });

  test('what its owner asks for too early is refused, and goes out when it is due and allowed', async () => {
    const content = { topic: 'from bob' };
    const delayId = await delayed.schedule(bob, roomId, { delay_ms: 9_000, state_key: '', content }, 'm.room.topic');
    expect(outcome(await delayed.act(bob, delayId, 'send'))).toEqual([403, 'M_FORBIDDEN']);
    const path = `/rooms/${roomId}/state/m.room.power_levels`;
    const levels = await delayed.story.do(alice, 'GET', path);
    await delayed.story.do(alice, 'PUT', path, { ...levels, users: { ...(levels.users as object), [bob.userId]: 50 } });
    await delayed.pass(9_000);
    expect(await delayed.story.do(alice, 'GET', `/rooms/${roomId}/state/m.room.topic`)).toEqual(content);
  });

  test('a member event goes the way of memberships', async () => {
    const carol = await delayed.story.user('carol');
    await delayed.story.join(carol, roomId);
    const body = { delay_ms: 1_000, state_key: carol.userId, content: { membership: 'leave' } };
    const delayId = await delayed.schedule(carol, roomId, body, 'm.room.member');
    await delayed.pass(1_000);
    expect((await delayed.look(carol, delayId)).event_id).toMatch(/^\$/);
    expect((await delayed.story.do(carol, 'GET', '/joined_rooms')).joined_rooms).toEqual([]);
  });
});

describe('G6: managing needs the token of the owner', () => {
  test.each(['restart', 'send', 'cancel'])('%s', async (action) => {
    const delayId = await delayed.byQuery(alice, roomId, 60_000);
    expect(outcome(await delayed.act(undefined, delayId, action))).toEqual([401, 'M_MISSING_TOKEN']);
    expect(outcome(await delayed.act(bob, delayId, action))).toEqual([404, 'M_NOT_FOUND']);
    expect(outcome(await delayed.act({ ...alice, accessToken: 'x' as never }, delayId, action))).toEqual([
      401,
      'M_UNKNOWN_TOKEN',
    ]);
    expect((await delayed.look(alice, delayId)).finalised).toBeUndefined();
    await delayed.act(alice, delayId, 'cancel');
  });

  test('a switch lets the bearer of the delay ID do it without', async () => {
    const open = await DelayedStory.begin({ delayed_events: { manage_without_token: true } });
    const dora = await open.story.user('dora');
    const room = await open.story.room(dora);
    const delayId = await open.byQuery(dora, room, 60_000, { body: 'by bearer' });
    expect(outcome(await open.act(undefined, delayId, 'restart'))).toEqual([200, {}]);
    expect(outcome(await open.act(undefined, delayId, 'send'))).toEqual([200, {}]);
    expect(outcome(await open.act(undefined, 'x', 'send'))).toEqual([404, 'M_NOT_FOUND']);
    expect(outcome(await open.ask(undefined, 'GET', `${STABLE}/delayed_events/${delayId}`))).toEqual([
      401,
      'M_MISSING_TOKEN',
    ]);
    expect(await open.bodies(dora, room)).toEqual(['by bearer']);
    await open.story.end();
  });
});

describe('G2: looking up', () => {
  test('one, under the names of today and of earlier', async () => {
    const body = { delay_ms: 5_000, state_key: 'key', content: { x: 1 } };
    const delayId = await delayed.schedule(alice, roomId, body);
    const since = delayed.story.world.clock.nowMs();
    const shown = {
      ...{ delay_id: delayId, room_id: roomId, type: 'm.test', state_key: 'key', content: { x: 1 } },
      ...{ delay_ms: 5_000, delay: 5_000, delayed_since_ts: since, running_since: since, scheduled_at: since },
    };
    expect(await delayed.look(alice, delayId)).toEqual(shown);
    await delayed.pass(5_000);
    const ended = await delayed.look(alice, delayId);
    const result = { finalised_ts: since + 5_000, event_id: ended.event_id };
    expect(ended).toEqual({ ...shown, ...result, origin_server_ts: since + 5_000, finalised: result });
    for (const [session, id] of [
      [bob, delayId],
      [alice, 'unknown'],
      [alice, '%00'],
    ] as const) {
      const answer = await delayed.ask(session, 'GET', `${UNSTABLE}/delayed_events/${id}`);
      expect(outcome(answer)).toEqual([404, 'M_NOT_FOUND']);
    }
  });

  test('a list, filtered and page by page', async () => {
    const erin = await delayed.story.user('erin');
    await delayed.story.join(erin, roomId);
    const other = await delayed.story.room(erin);
    const ids: string[] = [];
    for (let number = 0; number < 60; number += 1) {
      ids.push(await delayed.byQuery(erin, number % 2 === 0 ? roomId : other, 60_000 + number, { number }));
    }
    await delayed.act(erin, String(ids[0]), 'cancel');
    await delayed.act(erin, String(ids[1]), 'send');
    const list = async (query: string, prefix = STABLE) =>
      (await delayed.ask(erin, 'GET', `${prefix}/delayed_events?${query}`)).body;
    const idsIn = (answer: JsonObject) => (answer.delayed_events as JsonObject[]).map((event) => event.delay_id);
    for (const [dir, all] of [
      ['f', ids],
      ['b', [...ids].reverse()],
    ] as const) {
      const first = await list(`dir=${dir}`);
      const second = await list(`dir=${dir}&from=${first.next_batch}`);
      expect([...idsIn(first), ...idsIn(second)]).toEqual(all);
      expect(second).not.toHaveProperty('next_batch');
    }
    expect(idsIn(await list('status=sent'))).toEqual([ids[1]]);
    expect(idsIn(await list('status=cancelled'))).toEqual([ids[0]]);
    expect(idsIn(await list('status=failed'))).toEqual([]);
    expect(idsIn(await list(`room_id=${other}&status=scheduled`))).toHaveLength(29);
    expect(idsIn(await list('type=m.other'))).toEqual([]);
    const sendTs = Number((await delayed.look(erin, String(ids[5]))).running_since) + 60_005;
    expect(idsIn(await list(`from_ts=${sendTs}&to_ts=${sendTs}`))).toEqual([ids[5]]);
    const older = await list(`status=finalised&delay_id=${ids[0]}&delay_id=${ids[1]}&delay_id=${ids[2]}`, UNSTABLE);
    expect(older).not.toHaveProperty('scheduled');
    expect(older.finalised).toMatchObject([
      { outcome: 'cancel', reason: 'action', delayed_event: { delay_id: ids[0], content: { number: 0 } } },
      { outcome: 'send', reason: 'action', delayed_event: { delay_id: ids[1], content: { number: 1 } } },
    ]);
    expect((await list('status=scheduled', UNSTABLE)).scheduled).toHaveLength(50);
    for (const query of ['status=x', 'dir=x', 'from=x', 'from_ts=-1', 'to_ts=x']) {
      const answer = await delayed.ask(erin, 'GET', `${STABLE}/delayed_events?${query}`);
      expect([query, ...outcome(answer)]).toEqual([query, 400, 'M_INVALID_PARAM']);
    }
    expect((await delayed.ask(undefined, 'GET', `${STABLE}/delayed_events`)).body.errcode).toBe('M_MISSING_TOKEN');
  });

  test('finalised ones are forgotten after seven days', async () => {
    const delayId = await delayed.byQuery(alice, roomId, 1_000);
    await delayed.pass(1_000);
    await delayed.pass(7 * 24 * 3_600_000 - 3_600_000);
    expect((await delayed.look(alice, delayId)).event_id).toMatch(/^\$/);
    for (let minute = 0; minute < 130; minute += 10) await delayed.pass(600_000);
    const answer = await delayed.ask(alice, 'GET', `${STABLE}/delayed_events/${delayId}`);
    expect(outcome(answer)).toEqual([404, 'M_NOT_FOUND']);
  });
});

describe('accounts and devices', () => {
  test('a device that is logged out has left its delayed events behind: they are sent', async () => {
    const second = await delayed.story.login('bob');
    await delayed.byQuery(second, roomId, 5_000, { body: 'after logout' });
    await delayed.story.do(second, 'POST', '/logout', {});
    await delayed.pass(5_000);
    expect(await count('after logout')).toBe(1);
  });

  test.each(['locked', 'suspended'] as const)(
    'what falls due for an account that is %s has failed',
    async (restriction) => {
      const user = await delayed.story.user(restriction);
      await delayed.story.join(user, roomId);
      const delayId = await delayed.byQuery(user, roomId, 5_000, { body: restriction });
      const { moderation } = delayed.story.server.server.services.accounts;
      await moderation.restrict(user.userId, restriction, true);
      await delayed.pass(5_000);
      expect(await count(restriction)).toBe(0);
      const refused = await delayed.ask(user, 'PUT', `${V3}/rooms/${roomId}/delayed_event/m.test/x`, {
        delay_ms: 1_000,
        content: {},
      });
      const errcode = restriction === 'locked' ? 'M_USER_LOCKED' : 'M_USER_SUSPENDED';
      expect(refused.body.errcode).toBe(errcode);
      await moderation.restrict(user.userId, restriction, false);
      expect((await delayed.look(user, delayId)).error).toMatchObject({ errcode });
    },
  );

  test('those of an account that ended are gone', async () => {
    const frank = await delayed.story.user('frank');
    const room = await delayed.story.room(alice);
    await delayed.story.join(frank, room);
    await delayed.byQuery(frank, room, 5_000, { body: 'from beyond' });
    const auth = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'frank' },
      password: 'password of frank',
    };
    await delayed.ask(frank, 'POST', `${V3}/account/deactivate`, { auth });
    await delayed.pass(5_000);
    expect(await delayed.bodies(alice, room)).toEqual([]);
  });

  test('nor is one sent that the server had not forgotten yet when it died', async () => {
    const grace = await delayed.story.user('grace');
    await delayed.story.join(grace, roomId);
    await delayed.byQuery(grace, roomId, 5_000, { body: 'left over' });
    const { storage } = delayed.story.server;
    await storage.write((transaction) => transaction.run(endAccount, { userId: grace.userId }));
    await delayed.pass(5_000);
    expect(await count('left over')).toBe(0);
  });
});
