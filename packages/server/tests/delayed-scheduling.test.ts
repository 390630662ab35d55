import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { DelayedStory, UNSTABLE } from './support/delayed-story.ts';

/** Scheduling delayed events and what becomes of them. Specification: MSC4140, "Scheduling a delayed event". */

let delayed: DelayedStory;
let alice: Session;
let bob: Session;
let roomId: string;

beforeAll(async () => {
  delayed = await DelayedStory.begin({ delayed_events: { max_scheduled: 5, burst: 3, per_second: 2 } });
  alice = await delayed.story.user('alice');
  bob = await delayed.story.user('bob');
  roomId = await delayed.story.room(alice);
  await delayed.story.join(bob, roomId);
});

afterAll(() => delayed.story.end());

const V3 = '/_matrix/client/v3';

describe('G1: an event is sent after its delay, not before', () => {
  test('by the query parameter of /send', async () => {
    await delayed.byQuery(alice, roomId, 5_000, { body: 'by query' });
    await delayed.pass(4_999);
    expect(await delayed.bodies(bob, roomId)).not.toContain('by query');
    await delayed.pass(1);
    expect((await delayed.bodies(bob, roomId)).filter((body) => body === 'by query')).toEqual(['by query']);
  });

  test('by the query parameter of /state, as a state event', async () => {
    await delayed.stateByQuery(alice, roomId, 5_000, { body: 'left' });
    await delayed.pass(5_000);
    const path = `/rooms/${roomId}/state/m.test/${encodeURIComponent(alice.userId)}`;
    expect(await delayed.story.do(bob, 'GET', path)).toEqual({ body: 'left' });
  });

  test.each([
    ['the stable path', `${V3}/rooms/ROOM/delayed_event/m.test/1`, { delay_ms: 1_000 }],
    ['the older name of the delay', `${V3}/rooms/ROOM/delayed_event/m.test/2`, { delay: 1_000 }],
    ['the unstable path', `${UNSTABLE}/rooms/ROOM/delayed_event/m.test/3`, { delay_ms: 1_000 }],
    ['a state key', `${V3}/rooms/ROOM/delayed_event/m.test/4`, { delay_ms: 1_000, state_key: 'key' }],
  ])('by its own endpoint: %s', async (name, path, body) => {
    const answer = await delayed.ask(alice, 'PUT', path.replace('ROOM', roomId), { ...body, content: { body: name } });
    expect([answer.status, Object.keys(answer.body)]).toEqual([200, ['delay_id']]);
    await delayed.pass(1_000);
    const [event] = await delayed.timeline(bob, roomId);
    expect(event?.content).toEqual({ body: name });
    expect(event?.state_key).toBe('state_key' in body ? body.state_key : undefined);
  });

  test('an encrypted event like any other', async () => {
    const content = { algorithm: 'm.megolm.v1.aes-sha2', ciphertext: 'text' };
    await delayed.schedule(alice, roomId, { delay_ms: 1_000, content }, 'm.room.encrypted');
    await delayed.pass(1_000);
    const [event] = await delayed.timeline(bob, roomId, 'm.room.encrypted');
    expect(event?.content).toEqual(content);
  });

  test('a redaction that takes a message away', async () => {
    const eventId = await delayed.story.say(alice, roomId, 'for a short time');
    await delayed.schedule(alice, roomId, { delay_ms: 1_000, content: { redacts: eventId } }, 'm.room.redaction');
    await delayed.pass(1_000);
    const path = `/rooms/${roomId}/event/${encodeURIComponent(eventId)}`;
    expect((await delayed.story.do(bob, 'GET', path)).content).toEqual({});
  });
});

test('B3: a delayed sticky event is sticky from when it is sent', async () => {
  const path = `${V3}/rooms/${roomId}/send/m.test/sticky?org.matrix.msc4140.delay=60000`;
  const sticky = '&org.matrix.msc4354.sticky_duration_ms=10000';
  expect((await delayed.ask(alice, 'PUT', path + sticky, { body: 'sticky' })).status).toBe(200);
  await delayed.pass(60_000);
  const [event] = await delayed.timeline(bob, roomId);
  expect(event?.msc4354_sticky).toEqual({ duration_ms: 10_000 });
  expect(event?.unsigned).toMatchObject({ msc4354_sticky_duration_ttl_ms: 10_000 });
});

test('B1: a sticky duration that is none is refused with its name', async () => {
  const path = `${V3}/rooms/${roomId}/delayed_event/m.test/x?org.matrix.msc4354.sticky_duration_ms=3600001`;
  const { status, body } = await delayed.ask(alice, 'PUT', path, { delay_ms: 1_000, content: {} });
  expect([status, body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  expect(body.error).toContain('org.matrix.msc4354.sticky_duration_ms');
});

describe('a transaction of one device is one delayed event', () => {
  test.each([
    ['as a query', `send/m.test/same?org.matrix.msc4140.delay=1000`],
    ['as its own endpoint', 'delayed_event/m.test/same'],
  ])('%s', async (name, part) => {
    const put = (session: Session) =>
      delayed.ask(session, 'PUT', `${V3}/rooms/${roomId}/${part}`, {
        body: name,
        delay_ms: 1_000,
        content: { body: name },
      });
    const [first, atOnce] = await Promise.all([put(alice), put(alice)]);
    const other = await put(bob);
    await delayed.pass(1_000);
    const afterwards = await put(alice);
    expect([atOnce.body, afterwards.body]).toEqual([first.body, first.body]);
    expect(other.body.delay_id).not.toBe(first.body.delay_id);
    await delayed.pass(1_000);
    expect((await delayed.bodies(bob, roomId)).filter((body) => body === name)).toHaveLength(2);
  });
});

describe('G4: the sender alone is told the delay ID', () => {
  test('in /messages, in /sync and by /event', async () => {
    const [of, other] = [delayed.story.client(alice), delayed.story.client(bob)];
    await Promise.all([of.sync(), other.sync()]);
    const delayId = await delayed.byQuery(alice, roomId, 1_000, { body: 'whose' });
    await delayed.pass(1_000);
    const [mine] = await delayed.timeline(alice, roomId);
    const path = `/rooms/${roomId}/event/${encodeURIComponent(String(mine?.event_id))}`;
    const own = [mine, (await of.sync()).room(roomId).timeline?.events[0], await delayed.story.do(alice, 'GET', path)];
    const ids = { delay_id: delayId, 'org.matrix.msc4140.delay_id': delayId };
    for (const event of own) expect(event?.unsigned).toMatchObject(ids);
    const [theirs] = await delayed.timeline(bob, roomId);
    const others = [
      theirs,
      (await other.sync()).room(roomId).timeline?.events[0],
      await delayed.story.do(bob, 'GET', path),
    ];
    for (const event of others) expect(JSON.stringify(event)).not.toContain(delayId);
  });
});

describe('what is refused', () => {
  const TOO_LONG = 86_400_001;

  test.each<[string, string, JsonObject, unknown[]]>([
    ['no delay', `${V3}/rooms/ROOM/delayed_event/m.test/r1`, { content: {} }, [400, 'M_MISSING_PARAM']],
    ['no content', `${V3}/rooms/ROOM/delayed_event/m.test/r2`, { delay_ms: 1 }, [400, 'M_MISSING_PARAM']],
    [
      'a delay of 0',
      `${V3}/rooms/ROOM/delayed_event/m.test/r3`,
      { delay_ms: 0, content: {} },
      [400, 'M_INVALID_PARAM'],
    ],
    [
      'text for a delay',
      `${V3}/rooms/ROOM/delayed_event/m.test/r4`,
      { delay_ms: '1', content: {} },
      [400, 'M_BAD_JSON'],
    ],
    [
      'a state key that is none',
      `${V3}/rooms/ROOM/delayed_event/m.test/r5`,
      { delay_ms: 1, content: {}, state_key: 1 },
      [400, 'M_BAD_JSON'],
    ],
    ['a float', `${V3}/rooms/ROOM/delayed_event/m.test/r6`, { delay_ms: 1, content: { x: 1.5 } }, [400, 'M_BAD_JSON']],
    [
      'more than an event holds',
      `${V3}/rooms/ROOM/delayed_event/m.test/r7`,
      { delay_ms: 1, content: { x: 'x'.repeat(66_000) } },
      [413, 'M_TOO_LARGE'],
    ],
    [
      'a long type',
      `${V3}/rooms/ROOM/delayed_event/${'x'.repeat(256)}/r8`,
      { delay_ms: 1, content: {} },
      [413, 'M_TOO_LARGE'],
    ],
    ['no room ID', `${V3}/rooms/room/delayed_event/m.test/r9`, { delay_ms: 1, content: {} }, [400, 'M_INVALID_PARAM']],
    [
      'a query of no number',
      `${V3}/rooms/ROOM/send/m.test/ra?org.matrix.msc4140.delay=x`,
      {},
      [400, 'M_INVALID_PARAM'],
    ],
    ['a query of 0', `${V3}/rooms/ROOM/send/m.test/rb?org.matrix.msc4140.delay=0`, {}, [400, 'M_INVALID_PARAM']],
    ['less than 0', `${V3}/rooms/ROOM/state/m.test/rc?org.matrix.msc4140.delay=-1`, {}, [400, 'M_INVALID_PARAM']],
  ])('%s', async (_name, path, body, expected) => {
    const answer = await delayed.ask(alice, 'PUT', path.replace('ROOM', roomId), body);
    expect([answer.status, answer.body.errcode]).toEqual(expected);
  });

  test('nobody schedules without a token', async () => {
    const path = `${V3}/rooms/${roomId}/delayed_event/m.test/t`;
    expect((await delayed.ask(undefined, 'PUT', path, { delay_ms: 1, content: {} })).body.errcode).toBe(
      'M_MISSING_TOKEN',
    );
  });

  test('G5: too long a delay, each way in the shape that its clients read', async () => {
    const query = await delayed.ask(
      alice,
      'PUT',
      `${V3}/rooms/${roomId}/send/m.test/l?org.matrix.msc4140.delay=${TOO_LONG}`,
      {},
    );
    expect([query.status, { ...query.body, error: '' }]).toEqual([
      400,
      {
        errcode: 'M_UNKNOWN',
        error: '',
        'org.matrix.msc4140.errcode': 'M_MAX_DELAY_EXCEEDED',
        'org.matrix.msc4140.max_delay': 86_400_000,
      },
    ]);
    const body = { delay_ms: TOO_LONG, content: {} };
    const stable = await delayed.ask(alice, 'PUT', `${V3}/rooms/${roomId}/delayed_event/m.test/l`, body);
    expect([stable.status, stable.body]).toMatchObject([
      400,
      { errcode: 'M_MAX_DELAY_EXCEEDED', max_delay: 86_400_000 },
    ]);
    const unstable = await delayed.ask(alice, 'PUT', `${UNSTABLE}/rooms/${roomId}/delayed_event/m.test/l`, body);
    expect([unstable.status, unstable.body]).toMatchObject([
      400,
      { errcode: 'ORG.MATRIX.MSC4140_MAX_DELAY_EXCEEDED', 'org.matrix.msc4140.max_delay': 86_400_000 },
    ]);
  });

  test('G5: more than a user may have scheduled; a repeated transaction is not one more', async () => {
    const first = `${V3}/rooms/${roomId}/send/m.test/full?org.matrix.msc4140.delay=9000`;
    const { body: known } = await delayed.ask(bob, 'PUT', first, {});
    for (let count = 1; count < 5; count += 1) await delayed.byQuery(bob, roomId, 10_000 + count);
    const refused = await delayed.ask(bob, 'PUT', `${first.replace('/full', '/fuller')}`, {});
    expect([refused.status, refused.body.errcode, refused.headers['retry-after']]).toEqual([
      429,
      'M_LIMIT_EXCEEDED',
      '9',
    ]);
    expect((await delayed.ask(bob, 'PUT', first, {})).body).toEqual(known);
    await delayed.pass(9_000);
    expect((await delayed.ask(bob, 'PUT', `${first.replace('/full', '/fuller')}`, {})).status).toBe(200);
    await delayed.pass(60_000);
  });
});

test('G5: what falls due together goes out at the pace of its user, and none is refused', async () => {
  await delayed.pass(60_000);
  const before = (await delayed.timeline(bob, roomId)).length;
  const count = async () => (await delayed.timeline(bob, roomId)).length - before;
  for (let number = 0; number < 5; number += 1) await delayed.byQuery(alice, roomId, 1_000);
  await delayed.pass(1_000);
  expect(await count()).toBe(3);
  await delayed.pass(500);
  expect(await count()).toBe(4);
  await delayed.pass(500);
  expect(await count()).toBe(5);
});

test('G5: the limits are advertised', async () => {
  const { capabilities } = await delayed.story.do(alice, 'GET', '/capabilities');
  const limits = { max_delay_ms: 86_400_000, max_scheduled: 5 };
  expect(capabilities).toMatchObject({ 'm.delayed_events': limits, 'org.matrix.msc4140.delayed_events': limits });
});
