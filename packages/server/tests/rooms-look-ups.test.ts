import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { type LookUpStory, lookUpStory } from './support/look-up-story.ts';
import { createManualWorld, type ManualWorld } from './support/manual-world.ts';
import { createTestFederation, type TestFederation } from './support/test-federation.ts';

let world: ManualWorld;
let federation: TestFederation;
let here: LookUpStory;
let alice: Session;
let bob: Session;

const SUPPORT = { admin_matrix_id: '@admin:here.test', page: 'https://here.test/help' };
const TURN = { uris: ['turn:turn.here.test'], shared_secret: 'secret', lifetime_seconds: 600 };

beforeAll(async () => {
  world = createManualWorld();
  federation = await createTestFederation(['here.test', 'there.test'], {
    world,
    serverOptions: { 'here.test': { config: { support: SUPPORT, turn: TURN } } },
  });
  const server = federation.server('here.test');
  here = lookUpStory(server);
  [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
});

afterAll(() => federation.stop());

async function say(roomId: string, text: string, who = alice): Promise<string> {
  const path = `v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${encodeURIComponent(text)}`;
  const [, answer] = await here.ask('PUT', path, who, { msgtype: 'm.text', body: text });
  return String((answer as JsonObject).event_id);
}

describe('timestamp_to_event', () => {
  const find = (roomId: string, query: string, who = alice) =>
    here.ask('GET', `v1/rooms/${encodeURIComponent(roomId)}/timestamp_to_event?${query}`, who);

  test('finds the event closest to a time, on the side that is asked for', async () => {
    const roomId = await here.createRoom(alice);
    world.advance(60_000);
    const first = await say(roomId, 'first');
    const firstTs = world.clock.nowMs();
    world.advance(60_000);
    const second = await say(roomId, 'second');
    const secondTs = world.clock.nowMs();
    const middle = firstTs + 30_000;
    expect(await find(roomId, `ts=${middle}&dir=b`)).toEqual([200, { event_id: first, origin_server_ts: firstTs }]);
    expect(await find(roomId, `ts=${middle}&dir=f`)).toEqual([200, { event_id: second, origin_server_ts: secondTs }]);
    expect(await find(roomId, `ts=${secondTs + 1}&dir=f`)).toEqual([404, 'M_NOT_FOUND']);
    expect(await find(roomId, 'ts=1&dir=b')).toEqual([404, 'M_NOT_FOUND']);
    expect(await find(roomId, `ts=${middle}&dir=b`, bob)).toEqual([403, 'M_FORBIDDEN']);
    expect(await find(roomId, 'ts=1&dir=x')).toEqual([400, 'M_INVALID_PARAM']);
    expect(await find(roomId, 'dir=f')).toEqual([400, 'M_MISSING_PARAM']);
  });

  test('passes over what the user may not see, or does not want to', async () => {
    const roomId = await here.createRoom(alice);
    await here.join(roomId, bob);
    world.advance(60_000);
    const wanted = await say(roomId, 'wanted');
    const wantedTs = world.clock.nowMs();
    world.advance(60_000);
    await say(roomId, 'unwanted', bob);
    const path = `v3/user/${encodeURIComponent(alice.userId)}/account_data/m.ignored_user_list`;
    await here.ask('PUT', path, alice, { ignored_users: { [bob.userId]: {} } });
    const answer = await find(roomId, `ts=${world.clock.nowMs() + 1}&dir=b`);
    await here.ask('PUT', path, alice, { ignored_users: {} });
    expect(answer).toEqual([200, { event_id: wanted, origin_server_ts: wantedTs }]);
  });

  test('fetches what is older than what is here', async () => {
    const there = lookUpStory(federation.server('there.test'));
    const far = await federation.server('there.test').createUser('far');
    const roomId = await there.createRoom(far);
    world.advance(60_000);
    const path = `v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/1`;
    const [, sent] = await there.ask('PUT', path, far, { msgtype: 'm.text', body: 'long ago' });
    const sentTs = world.clock.nowMs();
    world.advance(60_000);
    await here.join(roomId, alice, 'there.test');
    const { event_id: eventId } = sent as JsonObject;
    expect(await find(roomId, `ts=${sentTs - 10}&dir=f`)).toEqual([
      200,
      { event_id: eventId, origin_server_ts: sentTs },
    ]);
    expect(await find(roomId, `ts=${sentTs + 10}&dir=b`)).toEqual([
      200,
      { event_id: eventId, origin_server_ts: sentTs },
    ]);
  });
});

test('a search asks no other server for what is missing around its results', async () => {
  const there = lookUpStory(federation.server('there.test'));
  const far = await federation.server('there.test').createUser('far-away');
  const roomId = await there.createRoom(far);
  const path = `v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/1`;
  await there.ask('PUT', path, far, { msgtype: 'm.text', body: 'long ago' });
  await here.join(roomId, alice, 'there.test');
  await say(roomId, 'periwinkle');
  const asked = () =>
    federation.requests('here.test', 'there.test').filter(({ path: to }) => to.includes('/backfill/'));
  const before = asked().length;
  const roomEvents = { search_term: 'periwinkle', event_context: { before_limit: 5 } };
  const [status, answer] = await here.ask('POST', 'v3/search', alice, {
    search_categories: { room_events: roomEvents },
  });
  expect([status, JSON.stringify(answer).includes('events_before')]).toEqual([200, true]);
  expect(asked().length).toBe(before);
});

describe('reports', () => {
  const reports = async () => (await federation.server('here.test').server.admin.listReports({})).reports;

  test('of an event, a room and a user reach the administrators', async () => {
    const roomId = await here.createRoom(alice);
    const eventId = await say(roomId, 'rude');
    const eventPath = `v3/rooms/${encodeURIComponent(roomId)}/report/${encodeURIComponent(eventId)}`;
    expect(await here.ask('POST', eventPath, bob, { reason: 'rude' })).toEqual([404, 'M_NOT_FOUND']);
    await here.join(roomId, bob);
    expect(await here.ask('POST', eventPath, bob, { reason: 'rude', score: -100 })).toEqual([200, {}]);
    expect(await here.ask('POST', `v3/rooms/${encodeURIComponent(roomId)}/report`, bob, {})).toEqual([200, {}]);
    const userPath = `v3/users/${encodeURIComponent(alice.userId)}/report`;
    expect(await here.ask('POST', userPath, bob, { reason: 'x'.repeat(6_000) })).toEqual([200, {}]);
    const [ofUser, ofRoom, ofEvent] = await reports();
    expect(ofEvent).toMatchObject({
      reporter: bob.userId,
      roomId,
      eventId,
      userId: alice.userId,
      score: -100,
      reason: 'rude',
    });
    expect(ofRoom).toMatchObject({ reporter: bob.userId, roomId, reason: '' });
    expect([ofUser?.userId, ofUser?.reason.length]).toEqual([alice.userId, 5_000]);
  });

  test('of what is not there, or is no report, are refused', async () => {
    const roomId = await here.createRoom(bob);
    const path = `v3/rooms/${encodeURIComponent(roomId)}/report`;
    expect(await here.ask('POST', `${path}/${encodeURIComponent('$none')}`, bob, {})).toEqual([404, 'M_NOT_FOUND']);
    expect(await here.ask('POST', `${path}/none`, bob, {})).toEqual([400, 'M_INVALID_PARAM']);
    expect(await here.ask('POST', `${path}/${encodeURIComponent('$none')}`, bob, { score: 1 })).toEqual([
      400,
      'M_INVALID_PARAM',
    ]);
    expect(await here.ask('POST', `v3/rooms/!none:here.test/report`, bob, {})).toEqual([404, 'M_NOT_FOUND']);
    expect(await here.ask('POST', 'v3/users/none/report', bob, {})).toEqual([400, 'M_INVALID_PARAM']);
    expect(await here.ask('POST', 'v3/users/@none:here.test/report', bob, {})).toEqual([404, 'M_NOT_FOUND']);
    expect(await here.ask('POST', path, undefined, {})).toEqual([401, 'M_MISSING_TOKEN']);
  });
});

describe('what needs something outside that is not there', () => {
  test('bridges: there are none, and that is the answer', async () => {
    const get = (path: string) => here.ask('GET', `v3/thirdparty/${path}`, alice);
    expect(await get('protocols')).toEqual([200, {}]);
    for (const path of ['protocol/irc', 'location/irc', 'user/irc'])
      expect(await get(path)).toEqual([404, 'M_NOT_FOUND']);
    expect((await get('location?alias=%23a%3Ahere.test'))[0]).toBe(200);
    expect((await get('user?userid=%40a%3Ahere.test'))[0]).toBe(200);
    expect(await get('user')).toEqual([400, 'M_MISSING_PARAM']);
    expect(await here.ask('POST', 'v1/appservice/irc/ping', alice, {})).toEqual([403, 'M_FORBIDDEN']);
    const listing = 'v3/directory/list/appservice/irc/!a%3Ahere.test';
    expect(await here.ask('PUT', listing, alice, { visibility: 'public' })).toEqual([403, 'M_FORBIDDEN']);
  });

  test('TURN servers and support are told as they are configured', async () => {
    const [, turn] = await here.ask('GET', 'v3/voip/turnServer', alice);
    const username = `${Math.floor(world.clock.nowMs() / 1000) + 600}:${alice.userId}`;
    expect(turn).toEqual({ uris: TURN.uris, ttl: 600, username, password: expect.stringMatching(/^[\w+/]{27}=$/) });
    const [, other] = await here.ask('GET', 'v3/voip/turnServer', bob);
    expect((other as JsonObject).password).not.toBe((turn as JsonObject).password);
    const there = lookUpStory(federation.server('there.test'));
    const far = await federation.server('there.test').createUser('caller');
    expect(await there.ask('GET', 'v3/voip/turnServer', far)).toEqual([200, {}]);
    const support = await federation.server('here.test').request('GET', '/.well-known/matrix/support');
    expect(support.body).toEqual({
      contacts: [{ role: 'm.role.admin', matrix_id: '@admin:here.test' }],
      support_page: SUPPORT.page,
    });
    const none = await federation.server('there.test').request('GET', '/.well-known/matrix/support');
    expect([none.status, none.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    const policy = await federation.server('here.test').request('GET', '/.well-known/matrix/policy_server');
    expect([policy.status, policy.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
  });
});

describe('what clients synced by before /sync', () => {
  test('initialSync gives the rooms with their state and latest messages, and events goes on from there', async () => {
    const carol = await federation.server('here.test').createUser('carol');
    const roomId = await here.createRoom(carol, { name: 'Old' });
    const invited = await here.createRoom(alice, { invite: [carol.userId] });
    await say(roomId, 'one', carol);
    const before = await here.get('v3/initialSync?limit=1', carol);
    const rooms = before.rooms as JsonObject[];
    expect(rooms.map((room) => [room.room_id, room.membership])).toEqual([
      [roomId, 'join'],
      [invited, 'invite'],
    ]);
    const [room] = rooms as unknown as { messages: { chunk: JsonObject[]; end: string }; state: JsonObject[] }[];
    expect(room?.messages.chunk.map((event) => [event.room_id, event.content])).toEqual([
      [roomId, { msgtype: 'm.text', body: 'one' }],
    ]);
    expect(room?.state.map((event) => event.type)).toContain('m.room.name');
    const waiting = here.get(`v3/events?from=${before.end}&timeout=30000`, carol);
    const two = await say(roomId, 'two', carol);
    const after = await waiting;
    expect((after.chunk as JsonObject[]).map((event) => [event.event_id, event.room_id])).toEqual([[two, roomId]]);
    expect(after.start).toBe(before.end);
    expect((await here.get(`v3/events?from=${after.end}&timeout=0`, carol)).chunk).toEqual([]);
    expect(await here.ask('GET', 'v3/events?from=x', carol)).toEqual([400, 'M_INVALID_PARAM']);
  });

  test('state is that of now, also where the messages have what changed it', async () => {
    const dora = await federation.server('here.test').createUser('dora');
    const roomId = await here.createRoom(dora, { name: 'Old' });
    await here.setState(dora, { roomId, type: 'm.room.name' }, { name: 'New' });
    const [room] = (await here.get('v3/initialSync?limit=100', dora)).rooms as JsonObject[];
    const state = (room?.state ?? []) as JsonObject[];
    expect(state.filter((event) => event.type === 'm.room.name').map((event) => event.content)).toEqual([
      { name: 'New' },
    ]);
    expect(state.filter((event) => event.type === 'm.room.create')).toHaveLength(1);
  });

  test('one room and one event, to who may see them', async () => {
    const roomId = await here.createRoom(alice, { name: 'Old' });
    const eventId = await say(roomId, 'hello');
    const room = await here.get(`v3/rooms/${encodeURIComponent(roomId)}/initialSync?limit=2`, alice);
    const { messages, state, ...rest } = room as unknown as { messages: { chunk: JsonObject[] }; state: JsonObject[] };
    expect(rest).toEqual({ room_id: roomId, visibility: 'private', membership: 'join' });
    expect(messages.chunk.map((event) => event.type)).toEqual(['m.room.name', 'm.room.message']);
    expect(state.length).toBeGreaterThan(5);
    const path = `v3/events/${encodeURIComponent(eventId)}`;
    expect(await here.get(path, alice)).toMatchObject({ event_id: eventId, room_id: roomId });
    expect(await here.ask('GET', path, bob)).toEqual([404, 'M_NOT_FOUND']);
    expect(await here.ask('GET', 'v3/events/none', bob)).toEqual([400, 'M_INVALID_PARAM']);
    expect(await here.ask('GET', `v3/rooms/${encodeURIComponent(roomId)}/initialSync`, bob)).toEqual([
      403,
      'M_FORBIDDEN',
    ]);
  });
});
