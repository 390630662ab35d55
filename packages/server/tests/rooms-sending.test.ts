import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import type { RoomEvent } from '../src/services/rooms/room-event.ts';
import { createTestServer, type TestResponse, type TestServer, type TestServerOptions } from './support/test-server.ts';

const servers: TestServer[] = [];

interface World {
  readonly server: TestServer;
  readonly alice: Session;
  readonly bob: Session;
  readonly roomId: string;
}

/** Alice made a room, and Bob is in it. */
async function start(options: TestServerOptions = {}, room: JsonObject = {}): Promise<World> {
  const server = await createTestServer(options);
  servers.push(server);
  const [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
  const { room_id: roomId } = await server.ok('POST', '/_matrix/client/v3/createRoom', {
    token: alice.accessToken,
    body: { preset: 'public_chat', ...room },
  });
  await server.ok('POST', `/_matrix/client/v3/join/${roomId}`, { token: bob.accessToken });
  return { server, alice, bob, roomId: String(roomId) };
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

function put({ server, roomId }: World, who: Session, path: string, body: JsonObject | string): Promise<TestResponse> {
  return server.request('PUT', `/_matrix/client/v3/rooms/${roomId}/${path}`, { token: who.accessToken, body });
}

/** Short for a table: what an answer says. */
function outcome({ status, body }: TestResponse): unknown[] {
  return status === 200 ? [200] : [status, body.errcode];
}

async function eventOf({ server }: World, eventId: unknown): Promise<RoomEvent> {
  const event = (await server.server.services.events.byIds([String(eventId)])).get(String(eventId));
  if (event === undefined) throw new Error('The event is not there');
  return event;
}

const TEXT = { msgtype: 'm.text', body: 'Hello' };

describe('sending', () => {
  test('B2: the same transaction of the same device is one event, of another one another', async () => {
    const world = await start();
    const { server, alice, bob } = world;
    const first = await put(world, alice, 'send/m.room.message/1', TEXT);
    const again = await put(world, alice, 'send/m.room.message/1', { ...TEXT, body: 'Other' });
    expect(again.body).toEqual(first.body);
    expect((await eventOf(world, first.body.event_id)).pdu.content).toEqual(TEXT);
    const others = [
      await put(world, alice, 'send/m.room.message/2', TEXT),
      await put(world, alice, 'send/m.room.other/1', TEXT),
      await put(world, bob, 'send/m.room.message/1', TEXT),
    ];
    expect(new Set([first, ...others].map((answer) => answer.body.event_id)).size).toBe(4);
    const twice = await Promise.all([
      put(world, alice, 'send/m.room.message/3', TEXT),
      put(world, alice, 'send/m.room.message/3', TEXT),
    ]);
    expect(twice[0].body).toEqual(twice[1].body);
    // After a restart the memory of it is on disk.
    const restarted = await createTestServer({ storage: server.storage, seed: 2 });
    servers.unshift(restarted);
    expect((await put({ ...world, server: restarted }, alice, 'send/m.room.message/1', TEXT)).body).toEqual(first.body);
  });

  test.each<[string, JsonObject | string, unknown[]]>([
    ['a float', { x: 1.5 }, [400, 'M_BAD_JSON']],
    ['a huge integer', '{"x":9007199254740992}', [400, 'M_BAD_JSON']],
    ['too deep', `{"x":${'['.repeat(110)}${']'.repeat(110)}}`, [400, 'M_BAD_JSON']],
    ['deeper than is parsed', `{"x":${'['.repeat(5000)}${']'.repeat(5000)}}`, [400, 'M_BAD_JSON']],
    ['half a surrogate pair', '{"x":"\\ud800"}', [400, 'M_BAD_JSON']],
    ['more than 64 KiB', { body: 'x'.repeat(65_000) }, [413, 'M_TOO_LARGE']],
    ['no JSON', 'hello', [400, 'M_NOT_JSON']],
    ['no object', '[1]', [400, 'M_BAD_JSON']],
    ['nearly 64 KiB', { body: 'x'.repeat(64_000) }, [200]],
    ['nothing', {}, [200]],
  ])('content with %s', async (_what, body, expected) => {
    const world = await start();
    const { batches } = world.server.storage.tally;
    expect(outcome(await put(world, world.bob, 'send/org.example.x/1', body))).toEqual(expected);
    expect(world.server.storage.tally.batches - batches).toBe(expected[0] === 200 ? 1 : 0);
    // What was refused may be sent again under the same transaction ID.
    expect(outcome(await put(world, world.bob, 'send/org.example.x/1', { x: 1 }))).toEqual([200]);
  });

  test('who is not in the room, has not the power, or picks a type that is not for sending', async () => {
    const world = await start({}, { power_level_content_override: { events: { 'a.b': 60 }, users_default: 0 } });
    const { server, bob, alice } = world;
    const carol = await server.createUser('carol');
    expect(outcome(await put(world, carol, 'send/m.room.message/1', TEXT))).toEqual([403, 'M_FORBIDDEN']);
    expect(outcome(await put(world, bob, 'send/a.b/1', TEXT))).toEqual([403, 'M_FORBIDDEN']);
    expect(outcome(await put(world, alice, 'send/m.room.create/1', {}))).toEqual([403, 'M_FORBIDDEN']);
    expect(outcome(await put(world, alice, 'send/m.room.member/1', { membership: 'join' }))).toEqual([
      403,
      'M_FORBIDDEN',
    ]);
    expect(outcome(await put(world, alice, `send/${'x'.repeat(256)}/1`, {}))).toEqual([413, 'M_TOO_LARGE']);
    const nowhere = { ...world, roomId: '!none:localhost' };
    expect(outcome(await put(nowhere, alice, 'send/m.room.message/1', TEXT))).toEqual([403, 'M_FORBIDDEN']);
    expect(outcome(await put({ ...world, roomId: 'x' }, alice, 'send/m.room.message/1', TEXT))).toEqual([
      400,
      'M_INVALID_PARAM',
    ]);
  });

  test('B4: over the rate limit is 429 with Retry-After, and nothing is kept', async () => {
    const world = await start({
      config: { rate_limits: { enabled: true } },
      rateLimits: { send: { burst: 2, perSecond: 0.001 } },
    });
    const answers: TestResponse[] = [];
    for (let index = 0; index < 2; index++) {
      answers.push(await put(world, world.bob, `send/m.room.message/${index}`, TEXT));
    }
    const { batches } = world.server.storage.tally;
    const refused = await put(world, world.bob, 'send/m.room.message/3', TEXT);
    expect(answers.map(outcome)).toEqual([[200], [200]]);
    expect(outcome(refused)).toEqual([429, 'M_LIMIT_EXCEEDED']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(world.server.storage.tally.batches).toBe(batches);
    expect(outcome(await put(world, world.alice, 'send/m.room.message/3', TEXT))).toEqual([200]);
  });
});

const STABLE = 'sticky_duration_ms';
const UNSTABLE = 'org.matrix.msc4354.sticky_duration_ms';

describe('B1: the sticky parameter', () => {
  test.each<[string, unknown]>([
    [`${UNSTABLE}=60000`, 60_000],
    [`${STABLE}=60000`, 60_000],
    [`${STABLE}=0`, 0],
    [`${STABLE}=3600000`, 3_600_000],
    [`${STABLE}=5&${UNSTABLE}=5`, 5],
    ['', undefined],
  ])('%s', async (query, durationMs) => {
    const world = await start();
    const sent = await put(world, world.bob, `send/m.room.message/1?${query}`, TEXT);
    const { json } = (await eventOf(world, sent.body.event_id)).pdu;
    expect(json.msc4354_sticky).toEqual(durationMs === undefined ? undefined : { duration_ms: durationMs });
    expect(json.sticky).toBeUndefined();
  });

  test.each([
    [`${STABLE}=3600001`, STABLE],
    [`${UNSTABLE}=-1`, UNSTABLE],
    [`${UNSTABLE}=1.5`, UNSTABLE],
    [`${STABLE}=`, STABLE],
    [`${STABLE}=1e3`, STABLE],
    [`${UNSTABLE}=99999999999999999999`, UNSTABLE],
    [`${STABLE}=1&${UNSTABLE}=2`, UNSTABLE],
  ])('%s is refused by its name', async (query, name) => {
    const world = await start();
    const answer = await put(world, world.bob, `send/m.room.message/1?${query}`, TEXT);
    expect(outcome(answer)).toEqual([400, 'M_INVALID_PARAM']);
    expect(answer.body.error).toContain(name);
    // A6: with the feature off it is as if it were not there.
    const off = await start({ config: { sticky_events: { enabled: false } } });
    const sent = await put(off, off.bob, `send/m.room.message/1?${query}`, TEXT);
    expect((await eventOf(off, sent.body.event_id)).pdu.json.msc4354_sticky).toBeUndefined();
  });

  test('A4: the state endpoint takes the older name alone; the switch writes the stable field', async () => {
    const world = await start({ config: { sticky_events: { stable_names: true } } });
    const sticky = async (query: string) => {
      const sent = await put(world, world.alice, `state/org.example.s/?${query}`, { a: 1 });
      return (await eventOf(world, sent.body.event_id)).pdu.json.sticky;
    };
    expect(await sticky(`${UNSTABLE}=7`)).toEqual({ duration_ms: 7 });
    expect(await sticky(`${STABLE}=nonsense`)).toBeUndefined();
    expect(outcome(await put(world, world.alice, `state/org.example.s?${UNSTABLE}=x`, {}))).toEqual([
      400,
      'M_INVALID_PARAM',
    ]);
  });
});

describe('state', () => {
  test('with a key, with an empty one, and with none', async () => {
    const world = await start();
    const { server, alice, roomId } = world;
    for (const [path, stateKey] of [
      ['state/a.b/key%2Fwith%20slash', 'key/with slash'],
      ['state/a.b/', ''],
      ['state/a.b', ''],
    ] as const) {
      const sent = await put(world, alice, path, { path });
      const { pdu } = await eventOf(world, sent.body.event_id);
      expect([pdu.type, pdu.stateKey, pdu.content]).toEqual(['a.b', stateKey, { path }]);
      const read = `/_matrix/client/v3/rooms/${roomId}/${path}`;
      expect(await server.ok('GET', read, { token: alice.accessToken })).toEqual({ path });
    }
  });

  test('takes power, its own key, and an alias that leads here', async () => {
    const world = await start();
    const { server, alice, bob, roomId } = world;
    expect(outcome(await put(world, bob, 'state/m.room.name', { name: 'Mine' }))).toEqual([403, 'M_FORBIDDEN']);
    expect(outcome(await put(world, alice, `state/a.b/${bob.userId}`, {}))).toEqual([403, 'M_FORBIDDEN']);
    expect(outcome(await put(world, alice, 'state/m.room.create', {}))).toEqual([403, 'M_FORBIDDEN']);
    const canonical = (content: JsonObject) => put(world, alice, 'state/m.room.canonical_alias', content);
    expect(outcome(await canonical({ alias: '#pub:localhost' }))).toEqual([400, 'M_BAD_ALIAS']);
    expect(outcome(await canonical({ alt_aliases: ['#pub:localhost'] }))).toEqual([400, 'M_BAD_ALIAS']);
    expect(outcome(await canonical({ alias: 'pub' }))).toEqual([400, 'M_INVALID_PARAM']);
    expect(outcome(await canonical({ alt_aliases: [7] }))).toEqual([400, 'M_INVALID_PARAM']);
    const alias = '/_matrix/client/v3/directory/room/%23pub%3Alocalhost';
    await server.ok('PUT', alias, { token: alice.accessToken, body: { room_id: roomId } });
    expect(outcome(await canonical({ alias: '#pub:localhost' }))).toEqual([200]);
    await server.ok('DELETE', alias, { token: alice.accessToken });
    // What stood there before is not asked for again.
    expect(outcome(await canonical({ alias: '#pub:localhost', alt_aliases: [] }))).toEqual([200]);
    expect(outcome(await canonical({}))).toEqual([200]);
  });
});

describe.each(['1', '3', '10', '11', '12'])('redactions in room version %s', (version) => {
  test('take the content away for good, of own events, or with the power to', async () => {
    const world = await start({}, { room_version: version });
    const { alice, bob } = world;
    const send = async (who: Session, id: string) =>
      String((await put(world, who, `send/m.room.message/${id}?${STABLE}=60000`, TEXT)).body.event_id);
    const [ofAlice, ofBob, ofBobToo] = [await send(alice, '1'), await send(bob, '2'), await send(bob, '3')];
    const redact = (who: Session, eventId: string, id: string) =>
      put(world, who, `redact/${encodeURIComponent(eventId)}/${id}`, { reason: 'Spam' });
    expect(outcome(await redact(bob, ofAlice, '1'))).toEqual([403, 'M_FORBIDDEN']);
    const done = await redact(bob, ofBob, '2');
    expect(outcome(done)).toEqual([200]);
    expect((await redact(bob, ofBob, '2')).body).toEqual(done.body);
    expect(outcome(await redact(alice, ofBobToo, '3'))).toEqual([200]);
    const redaction = await eventOf(world, done.body.event_id);
    expect(redaction.pdu.redacts).toBe(ofBob);
    const isInContent = ['11', '12'].includes(version);
    expect(redaction.pdu.content).toEqual(isInContent ? { reason: 'Spam', redacts: ofBob } : { reason: 'Spam' });
    const restarted = { ...world, server: await createTestServer({ storage: world.server.storage, seed: 2 }) };
    servers.unshift(restarted.server);
    for (const [eventId, content] of [
      [ofAlice, TEXT],
      [ofBob, {}],
      [ofBobToo, {}],
    ] as const) {
      for (const place of [world, restarted]) {
        const event = await eventOf(place, eventId);
        expect(event.pdu.content).toEqual(content);
        // A3: what is redacted is not sticky.
        expect(Object.hasOwn(event.pdu.json, 'msc4354_sticky')).toBe(eventId === ofAlice);
      }
    }
    expect((await eventOf(world, ofBob)).redactedBy).toBe(redaction.nid);
  });

  test('of what is not there, or must not be redacted, are refused', async () => {
    const world = await start({}, { room_version: version });
    const other = await start({ seed: 3 }, { room_version: version });
    const { alice, roomId, server } = world;
    const { events } = server.server.services;
    const room = await events.room(roomId);
    if (room === undefined) throw new Error('no room');
    const [create] = await events.forwards({ room, after: 0, before: 2, limit: 1 });
    const redact = (eventId: string | undefined) =>
      put(world, alice, `redact/${encodeURIComponent(eventId ?? '')}/1`, {});
    expect(outcome(await redact(create?.pdu.eventId))).toEqual([403, 'M_FORBIDDEN']);
    expect(outcome(await redact('$nothing:localhost'))).toEqual([404, 'M_NOT_FOUND']);
    expect(outcome(await redact('nonsense'))).toEqual([400, 'M_INVALID_PARAM']);
    expect(other.roomId).not.toBe(roomId);
  });

  test('can be sent as events, and have `redacts` where the room version wants it, there alone', async () => {
    const world = await start({}, { room_version: version });
    const { alice, bob } = world;
    const redacts = String((await put(world, bob, 'send/m.room.message/1', TEXT)).body.event_id);
    const sent = await put(world, alice, 'send/m.room.redaction/1', { redacts, reason: 'Spam' });
    expect((await eventOf(world, redacts)).pdu.content).toEqual({});
    const { json } = (await eventOf(world, sent.body.event_id)).pdu;
    const isInContent = ['11', '12'].includes(version);
    expect(json.content).toEqual(isInContent ? { reason: 'Spam', redacts } : { reason: 'Spam' });
    expect(json.redacts).toBe(isInContent ? undefined : redacts);
  });
});

test('redacted state is what the room goes on with', async () => {
  const world = await start();
  const { server, alice, bob, roomId } = world;
  const content = { users_default: 50, notifications: { room: 99 } };
  const levels = await put(world, alice, 'state/m.room.power_levels', content);
  await put(world, alice, `redact/${levels.body.event_id}/1`, {});
  const read = `/_matrix/client/v3/rooms/${roomId}/state/m.room.power_levels`;
  expect(await server.ok('GET', read, { token: alice.accessToken })).toEqual({ users_default: 50 });
  expect(outcome(await put(world, bob, 'state/m.room.name', { name: 'Ours' }))).toEqual([200]);
});
