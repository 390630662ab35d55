import { afterEach, expect, test } from 'vitest';
import { createManualWorld } from '../support/manual-world.ts';
import { createTestServer, type Method, type TestServer } from '../support/test-server.ts';
import { createHostileWorld, type HostileWorld, tryRequest, V3 } from './hostile-world.ts';

/** B2: a transaction ID that comes again. The plain cases stand in `rooms-sending.test.ts`. */

const stops: (() => Promise<void>)[] = [];

async function start(options: Parameters<typeof createHostileWorld>[0] = {}): Promise<HostileWorld> {
  const world = await createHostileWorld(options);
  stops.unshift(() => world.server.stop());
  return world;
}

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Asked {
  readonly path: string;
  readonly token?: string;
  readonly body?: string;
  readonly server?: TestServer;
  readonly method?: Method;
}

async function put(world: HostileWorld, asked: Asked) {
  const { path, token = world.token(), body = '{"body":"x"}', server = world.server, method = 'PUT' } = asked;
  const { answer, faults } = await tryRequest(server, { method, path: `${V3}${path}`, request: { token, body } });
  expect(faults.filter((fault) => !fault.includes('wrote something'))).toEqual([]);
  return { status: answer.status, errcode: answer.body.errcode, eventId: answer.body.event_id };
}

async function timelineSize({ server, roomId, token }: HostileWorld): Promise<number> {
  const path = `${V3}/rooms/${roomId}/messages?dir=b&limit=1000`;
  return ((await server.ok('GET', path, { token: token() })).chunk as unknown[]).length;
}

test('B2: another room, type, endpoint or device is another transaction', async () => {
  const world = await start();
  const other = await world.server.ok('POST', `${V3}/createRoom`, { token: world.token(), body: {} });
  const login = await world.server.ok('POST', `${V3}/login`, {
    body: {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'alice' },
      password: 'password of alice',
    },
  });
  const sends = [
    { path: `/rooms/${world.roomId}/send/a/same` },
    { path: `/rooms/${world.roomId}/send/b/same` },
    { path: `/rooms/${String(other.room_id)}/send/a/same` },
    { path: `/rooms/${world.roomId}/redact/${world.eventId}/same` },
    { path: `/rooms/${world.roomId}/send/a/same`, token: String(login.access_token) },
    { path: `/rooms/${world.roomId}/send/a/same`, token: world.bob.accessToken },
  ];
  const first = [];
  for (const asked of sends) first.push(await put(world, asked));
  expect(first.map(({ status }) => status)).toEqual(sends.map(() => 200));
  expect(new Set(first.map(({ eventId }) => eventId)).size).toBe(sends.length);
  const again = [];
  for (const asked of sends) again.push(await put(world, { ...asked, body: '{"reason":"other"}' }));
  expect(again).toEqual(first);
});

test('B2: duplicates that race are one event, on each of several IDs', async () => {
  const world = await start();
  const before = await timelineSize(world);
  const asked = Array.from({ length: 40 }, (_, index) => index % 4);
  const answers = await Promise.all(
    asked.map((id) => put(world, { path: `/rooms/${world.roomId}/send/a/${id}`, body: `{"n":${id}}` })),
  );
  expect(answers.map(({ status }) => status)).toEqual(asked.map(() => 200));
  expect(new Set(answers.map(({ eventId }, index) => `${asked[index]} ${eventId}`)).size).toBe(4);
  expect((await timelineSize(world)) - before).toBe(4);
});

test('B2: duplicates that race after a restart are the event from before', async () => {
  // One clock for both: what the first has scheduled does not fall due at the second.
  const manual = createManualWorld();
  const world = await start({ world: manual });
  const path = `/rooms/${world.roomId}/send/a/1`;
  const { eventId } = await put(world, { path });
  const before = await timelineSize(world);
  const restarted = await createTestServer({ storage: world.server.storage, seed: 2, world: manual });
  stops.unshift(() => restarted.stop());
  const redaction = `/rooms/${world.roomId}/redact/${String(eventId)}/1`;
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => [
      put(world, { path, server: restarted }),
      put(world, { path: redaction, server: restarted, body: '{}' }),
    ]).flat(),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(new Set(answers.filter((_, index) => index % 2 === 0).map((answer) => answer.eventId))).toEqual(
    new Set([eventId]),
  );
  expect(new Set(answers.map((answer) => answer.eventId)).size).toBe(2);
  expect((await timelineSize(world)) - before).toBe(1);
});

test('B2: a refused request does not use its ID up, also when many of it race', async () => {
  const world = await start({
    config: { rate_limits: { enabled: true } },
    rateLimits: { send: { burst: 3, perSecond: 0.001 } },
  });
  const bob = { token: world.bob.accessToken };
  const path = `/rooms/${world.roomId}/send/a/1`;
  const bad = await Promise.all(
    ['{"x":1.5}', '{', '[]', '{"x":9007199254740992}'].map((body) => put(world, { ...bob, path, body })),
  );
  expect(bad.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
  const good = await put(world, { ...bob, path });
  expect(good.status).toBe(200);
  // The bucket is empty now: what was done is not asked for again, and what was not is refused and may come later.
  const later = `/rooms/${world.roomId}/send/a/2`;
  const limited = await Promise.all([1, 2, 3].map(() => put(world, { ...bob, path: later })));
  expect(limited.map(({ errcode }) => errcode)).toEqual(Array(3).fill('M_LIMIT_EXCEEDED'));
  expect((await put(world, { path: later })).status).toBe(200);
});

test('an ID has 255 characters of any kind', async () => {
  const world = await start();
  const events = new Set<unknown>();
  const ids = ['x'.repeat(255), '%00', '%2F', '%00%00', '__proto__', '%F0%9F%A6%A0', '%20', 'a%00b', '..', '%2e%2e%2f'];
  for (const id of ids) {
    const path = `/rooms/${world.roomId}/send/a/${id}`;
    const first = await put(world, { path });
    expect([id, first.status]).toEqual([id, id === '..' ? 404 : 200]);
    expect(await put(world, { path })).toEqual(first);
    if (first.status === 200) events.add(first.eventId);
  }
  expect(events.size).toBe(ids.length - 1);
  for (const path of [`send/a`, `redact/${world.eventId}`]) {
    const tooLong = await put(world, { path: `/rooms/${world.roomId}/${path}/${'x'.repeat(256)}` });
    expect([tooLong.status, tooLong.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  }
  const tooLong = await put(world, { path: `/sendToDevice/a/${'x'.repeat(256)}`, body: '{"messages":{}}' });
  expect([tooLong.status, tooLong.errcode]).toEqual([400, 'M_INVALID_PARAM']);
});

test('the parts of a transaction do not run into each other', async () => {
  const world = await start();
  const first = await put(world, { path: `/rooms/${world.roomId}/send/a%00b/c` });
  const second = await put(world, { path: `/rooms/${world.roomId}/send/a/b%00c` });
  const third = await put(world, { path: `/rooms/${world.roomId}/send/a%2Fb/c` });
  expect([first.status, second.status, third.status]).toEqual([200, 200, 200]);
  expect(new Set([first.eventId, second.eventId, third.eventId]).size).toBe(3);
});
