import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { DelayedStory, UNSTABLE } from './support/delayed-story.ts';

/** What a call needs of the server, in the order in which clients ask. Specification: MSC4143, MSC4140, MSC4354. */

const V3 = '/_matrix/client/v3';
const LIVEKIT = { type: 'livekit', livekit_service_url: 'https://livekit.example.org/jwt' };
const MEMBER = 'org.matrix.msc4143.rtc.member';
const STICKY = 'org.matrix.msc4354.sticky_duration_ms';
const DELAY = 'org.matrix.msc4140.delay';

let delayed: DelayedStory;
let alice: Session;
let bob: Session;
let roomId: string;

beforeAll(async () => {
  delayed = await DelayedStory.begin({ rtc: { transports: [LIVEKIT] } });
  alice = await delayed.story.user('alice');
  bob = await delayed.story.user('bob');
  roomId = await delayed.story.room(alice);
  await delayed.story.join(bob, roomId);
});

afterAll(() => delayed.story.end());

function membership(session: Session): JsonObject {
  return { msc4354_sticky_key: `${session.userId}_${session.deviceId}`, application: { type: 'm.call' } };
}

function removal(session: Session): JsonObject {
  return { msc4354_sticky_key: `${session.userId}_${session.deviceId}` };
}

describe('what a client looks for before it offers calls', () => {
  test('the flags and versions', async () => {
    const { body } = await delayed.ask(undefined, 'GET', '/_matrix/client/versions');
    const flags = ['org.matrix.msc4354', 'org.matrix.msc4140', 'org.matrix.msc4143'];
    expect(body.unstable_features).toMatchObject(Object.fromEntries(flags.map((flag) => [flag, true])));
    expect(body.versions).toEqual(expect.arrayContaining(['v1.1', 'v1.12']));
  });

  test('the transports, under both names on both paths, and in the well-known file', async () => {
    for (const path of ['/_matrix/client/v1', '/_matrix/client/unstable/org.matrix.msc4143']) {
      const { status, body } = await delayed.ask(bob, 'GET', `${path}/rtc/transports`);
      expect([status, body]).toEqual([200, { rtc_transports: [LIVEKIT], transports: [LIVEKIT] }]);
      const nobody = await delayed.ask(undefined, 'GET', `${path}/rtc/transports`);
      expect([nobody.status, nobody.body.errcode]).toEqual([401, 'M_MISSING_TOKEN']);
    }
    const { body } = await delayed.ask(undefined, 'GET', '/.well-known/matrix/client');
    expect(body['org.matrix.msc4143.rtc_foci']).toEqual([LIVEKIT]);
  });

  test('a server without transports says so', async () => {
    const plain = await DelayedStory.begin();
    const carol = await plain.story.user('carol');
    const { body } = await plain.ask(carol, 'GET', '/_matrix/client/v1/rtc/transports');
    expect(body).toEqual({ rtc_transports: [], transports: [] });
    const wellKnown = await plain.ask(undefined, 'GET', '/.well-known/matrix/client');
    expect(wellKnown.body).not.toHaveProperty('org.matrix.msc4143.rtc_foci');
    await plain.story.end();
  });

  test.each([
    ['POST', '/_matrix/client/unstable/io.element.msc4195/rtc/livekit/get_token'],
    ['POST', '/_matrix/client/unstable/org.matrix.msc4195/rtc/livekit/delegate_delayed_leave'],
    ['GET', '/_matrix/client/v1/rtc/unknown'],
  ] as const)('a probe of what is not there, %s %s, is told so before anybody asks who it is', async (method, path) => {
    const { status, headers, body } = await delayed.ask(undefined, method, path, method === 'POST' ? {} : undefined);
    expect([status, body.errcode, headers['access-control-allow-origin']]).toEqual([404, 'M_UNRECOGNIZED', '*']);
  });
});

test('the order in which a client joins and leaves a call', async () => {
  const watching = delayed.story.client(bob);
  await watching.sync();
  expect((await delayed.ask(alice, 'GET', '/_matrix/client/v1/rtc/transports')).status).toBe(200);
  const openId = `${V3}/user/${encodeURIComponent(alice.userId)}/openid/request_token`;
  const { body: token } = await delayed.ask(alice, 'POST', openId, {});
  const proof = await delayed.ask(
    undefined,
    'GET',
    `/_matrix/federation/v1/openid/userinfo?access_token=${token.access_token}`,
  );
  expect(proof.body).toEqual({ sub: alice.userId });

  const send = `${V3}/rooms/${roomId}/send/${MEMBER}`;
  const leave = `${send}/leave?${DELAY}=8000&${STICKY}=3600000`;
  const { body: scheduled } = await delayed.ask(alice, 'PUT', leave, removal(alice));
  const delayId = String(scheduled.delay_id);
  const join = await delayed.ask(alice, 'PUT', `${send}/join?${STICKY}=3600000`, membership(alice));
  const seen = await watching.sync();
  expect(seen.allIds(roomId)).toEqual([join.body.event_id]);
  const members = `${V3}/rooms/${roomId}/members?at=${watching.since}`;
  expect((await delayed.ask(bob, 'GET', members)).body.chunk).toHaveLength(2);

  for (let beat = 0; beat < 10; beat += 1) {
    const restart = await delayed.act(alice, delayId, 'restart');
    expect([restart.status, restart.body]).toEqual([200, {}]);
    await delayed.pass(4_000);
  }
  expect((await watching.sync()).allIds(roomId)).toEqual([]);
  expect((await delayed.act(alice, delayId, 'send')).status).toBe(200);
  const { timeline } = (await watching.sync()).room(roomId);
  expect(timeline?.events.map(({ content }) => content)).toEqual([removal(alice)]);
  expect((await delayed.act(alice, delayId, 'send')).status).toBe(200);
  expect((await delayed.act(alice, delayId, 'restart')).body.errcode).toBe('M_NOT_FOUND');
  await delayed.pass(60_000);
  expect((await watching.sync()).allIds(roomId)).toEqual([]);
});

describe('a client vanishes: the others see it leave', () => {
  test('a sticky membership, and a waiting client is answered when it fires (C12)', async () => {
    const watching = delayed.story.client(bob);
    const send = `${V3}/rooms/${roomId}/send/${MEMBER}`;
    const leave = `${send}/leave-2?${DELAY}=8000&${STICKY}=3600000`;
    const delayId = String((await delayed.ask(alice, 'PUT', leave, removal(alice))).body.delay_id);
    await delayed.ask(alice, 'PUT', `${send}/join-2?${STICKY}=3600000`, membership(alice));
    await delayed.act(alice, delayId, 'restart');
    await watching.sync();
    const waiting = watching.sync({ timeoutMs: 30_000 });
    await delayed.pass(8_000);
    const [event] = (await waiting).room(roomId).timeline?.events ?? [];
    expect(event).toMatchObject({ sender: alice.userId, type: MEMBER, content: removal(alice) });
    expect(event?.unsigned).toMatchObject({ msc4354_sticky_duration_ttl_ms: 3_600_000 });
    expect(event?.unsigned).not.toHaveProperty('delay_id');
  });

  test('far outside the timeline of who syncs later, it is in the sticky section, with its room', async () => {
    const watching = delayed.story.client(bob, { room: { timeline: { limit: 2 } } });
    await watching.sync();
    const send = `${V3}/rooms/${roomId}/send/${MEMBER}`;
    await delayed.ask(alice, 'PUT', `${send}/leave-3?${DELAY}=8000&${STICKY}=3600000`, removal(alice));
    await delayed.pass(8_000);
    await delayed.story.sayMany(bob, roomId, 5);
    const [sticky] = (await watching.sync()).sticky(roomId);
    expect(sticky).toMatchObject({ sender: alice.userId, content: removal(alice), room_id: roomId });
  });

  test('a membership in the state of the room', async () => {
    const type = 'org.matrix.msc3401.call.member';
    const path = `${V3}/rooms/${roomId}/state/${type}/${encodeURIComponent(`_${alice.userId}_${alice.deviceId}`)}`;
    const levels = await delayed.story.do(alice, 'GET', `/rooms/${roomId}/state/m.room.power_levels`);
    const events = { ...(levels.events as JsonObject), [type]: 0 };
    await delayed.story.do(alice, 'PUT', `/rooms/${roomId}/state/m.room.power_levels`, { ...levels, events });
    const { body } = await delayed.ask(alice, 'PUT', `${path}?${DELAY}=8000`, {});
    await delayed.ask(alice, 'PUT', path, { application: 'm.call' });
    await delayed.ask(alice, 'POST', `${UNSTABLE}/delayed_events/${body.delay_id}`, { action: 'restart' });
    await delayed.pass(7_999);
    expect((await delayed.ask(bob, 'GET', path)).body).toEqual({ application: 'm.call' });
    await delayed.pass(1);
    expect((await delayed.ask(bob, 'GET', path)).body).toEqual({});
  });

  test('in an encrypted room it goes out in clear, or encrypted, as its client made it', async () => {
    const secret = await delayed.story.room(alice);
    await delayed.story.join(bob, secret);
    await delayed.story.setState(alice, secret, 'm.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' });
    const watching = delayed.story.client(bob);
    await watching.sync();
    const send = `${V3}/rooms/${secret}/send`;
    const encrypted = { algorithm: 'm.megolm.v1.aes-sha2', ciphertext: 'text', msc4354_sticky_key: 'key' };
    await delayed.ask(alice, 'PUT', `${send}/${MEMBER}/1?${DELAY}=8000&${STICKY}=60000`, removal(alice));
    await delayed.ask(alice, 'PUT', `${send}/m.room.encrypted/2?${DELAY}=8001&${STICKY}=60000`, encrypted);
    await delayed.pass(8_001);
    const events = (await watching.sync()).room(secret).timeline?.events ?? [];
    expect(events.map(({ type, content }) => [type, content])).toEqual([
      [MEMBER, removal(alice)],
      ['m.room.encrypted', encrypted],
    ]);
  });
});

test('a restart every 4 seconds of each of many calls is not slowed down', async () => {
  const busy = await DelayedStory.begin({ rate_limits: { enabled: true }, delayed_events: { max_scheduled: 20 } });
  const carol = await busy.story.user('carol');
  const room = await busy.story.room(carol);
  const ids: string[] = [];
  for (let call = 0; call < 20; call += 1) ids.push(await busy.byQuery(carol, room, 8_000));
  for (let beat = 0; beat < 20; beat += 1) {
    const answers = await Promise.all(ids.map((delayId) => busy.act(carol, delayId, 'restart')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await busy.pass(4_000);
  }
  expect(await busy.bodies(carol, room)).toEqual([]);
  await busy.story.end();
});
