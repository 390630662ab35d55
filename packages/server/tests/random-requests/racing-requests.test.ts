import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, expect, test } from 'vitest';
import type { Session } from '../../src/services/accounts/sessions.ts';
import { V3 } from '../bad-input/hostile-world.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { SyncingClient } from '../support/syncing-client.ts';
import { createTestServer, type TestResponse, type TestServer } from '../support/test-server.ts';

/** Requests that race for one room: whoever wins, all endpoints tell the same story afterwards. */

const SEED = 20_261_120;
const MEMBERS = 6;
const WAVES = 12;
const REQUESTS_PER_WAVE = 30;
const STICKY = 'org.matrix.msc4354.sticky_duration_ms=3600000';

let server: TestServer;

afterEach(() => server.stop());

interface Race {
  readonly roomId: string;
  readonly creator: Session;
  readonly members: readonly Session[];
  readonly bytes: () => number;
}

async function start(): Promise<Race> {
  server = await createTestServer({ config: { sticky_events: { events_per_sync: 4 } } });
  const creator = await server.createUser('creator');
  const members: Session[] = [];
  for (let index = 0; index < MEMBERS; index++) members.push(await server.createUser(`member${index}`));
  const body = { preset: 'public_chat' };
  const room = await server.ok('POST', `${V3}/createRoom`, { token: creator.accessToken, body });
  const random = seededRandom(SEED);
  return { roomId: String(room.room_id), creator, members, bytes: () => random.bytes(1)[0] ?? 0 };
}

let transactions = 0;

/** One of the things that members, or the creator, do to a room. */
function request({ roomId, creator, members, bytes }: Race): Promise<TestResponse> {
  transactions++;
  const member = members[bytes() % members.length];
  if (member === undefined) throw new Error('There is nobody');
  const room = `${V3}/rooms/${roomId}`;
  const own = { token: member.accessToken };
  const byCreator = { token: creator.accessToken, body: { user_id: member.userId } };
  const body = { number: transactions };
  switch (bytes() % 10) {
    case 0:
    case 1:
      return server.request('POST', `${room}/join`, { ...own, body: {} });
    case 2:
      return server.request('POST', `${room}/leave`, { ...own, body: {} });
    case 3:
      return server.request('POST', `${room}/kick`, byCreator);
    case 4:
      return server.request('POST', `${room}/ban`, byCreator);
    case 5:
      return server.request('POST', `${room}/unban`, byCreator);
    case 6:
      return server.request('PUT', `${room}/state/m.room.topic`, { token: creator.accessToken, body });
    case 7:
      return server.request('PUT', `${room}/send/org.example.message/${transactions}?${STICKY}`, { ...own, body });
    default:
      return server.request('PUT', `${room}/send/org.example.message/${transactions}`, { ...own, body });
  }
}

async function history({ roomId, creator }: Race): Promise<JsonObject[]> {
  const path = `${V3}/rooms/${roomId}/messages?dir=b&limit=1000`;
  const events: JsonObject[] = [];
  let from = '';
  do {
    const page = await server.ok('GET', `${path}${from}`, { token: creator.accessToken });
    events.push(...(page.chunk as JsonObject[]));
    from = page.end === undefined ? '' : `&from=${String(page.end)}`;
  } while (from !== '');
  return events.reverse();
}

function idsOf(events: readonly JsonObject[]): string[] {
  return events.map(({ event_id: id }) => String(id));
}

test('memberships, messages, state and syncs that race', async () => {
  const race = await start();
  const { roomId, creator, members } = race;
  const whole = new SyncingClient(server, creator, { room: { timeline: { limit: 1_000 } } });
  const narrow = new SyncingClient(server, creator, { room: { timeline: { limit: 1 } } });
  const came: string[] = [];
  const sticky: string[] = [];
  async function sync(): Promise<boolean> {
    const [all, few] = await Promise.all([whole.sync(), narrow.sync()]);
    came.push(...all.timelineIds(roomId));
    sticky.push(...few.allIds(roomId));
    return [...all.roomIds(), ...few.roomIds()].length > 0;
  }
  const acknowledged: string[] = [];
  for (let wave = 0; wave < WAVES; wave++) {
    const requests = Array.from({ length: REQUESTS_PER_WAVE }, () => request(race));
    const [answers] = await Promise.all([Promise.all(requests), sync()]);
    expect(answers.filter(({ status }) => status !== 200 && status !== 403).map(({ text }) => text)).toEqual([]);
    acknowledged.push(...answers.flatMap(({ body }) => (body.event_id === undefined ? [] : [String(body.event_id)])));
  }
  while (await sync());
  const events = await history(race);
  const ids = idsOf(events);
  expect(new Set(ids).size).toBe(ids.length);
  expect(acknowledged.length).toBeGreaterThan(WAVES);
  expect(acknowledged.filter((id) => !ids.includes(id))).toEqual([]);
  expect(came).toEqual(ids);
  const stickyIds = idsOf(events.filter((event) => event.msc4354_sticky !== undefined));
  expect(sticky.filter((id) => stickyIds.includes(id)).toSorted()).toEqual(stickyIds.toSorted());

  const expected = new Map<string, string>();
  for (const { type, state_key: key, content } of events) {
    if (type === 'm.room.member') expected.set(String(key), String((content as JsonObject).membership));
  }
  const token = creator.accessToken;
  const { chunk } = await server.ok('GET', `${V3}/rooms/${roomId}/members`, { token });
  const said = (chunk as JsonObject[]).map(({ state_key: key, content }) => [key, (content as JsonObject).membership]);
  expect(new Map(said as [string, string][])).toEqual(expected);
  const { joined } = await server.ok('GET', `${V3}/rooms/${roomId}/joined_members`, { token });
  const joinedIds = [...expected].filter(([, membership]) => membership === 'join').map(([userId]) => userId);
  expect(Object.keys(joined as JsonObject).toSorted()).toEqual(joinedIds.toSorted());
  for (const member of members) {
    const { joined_rooms: rooms } = await server.ok('GET', `${V3}/joined_rooms`, { token: member.accessToken });
    expect(rooms).toEqual(joinedIds.includes(member.userId) ? [roomId] : []);
    const first = await new SyncingClient(server, member).sync();
    expect(first.roomIds()).toEqual(rooms);
  }
});

/** What one member was given along a chain, and where the answers that told of leaving ended. */
interface Given {
  readonly session: Session;
  readonly client: SyncingClient;
  readonly ids: string[];
  readonly lastOfLeaving: string[];
}

async function syncOnce({ client, ids, lastOfLeaving }: Given, roomId: string): Promise<boolean> {
  const answer = await client.sync();
  const left = (answer.room(roomId, 'leave').timeline?.events ?? []).map((event) => event.event_id);
  ids.push(...answer.timelineIds(roomId), ...left);
  lastOfLeaving.push(...left.slice(-1));
  return [...answer.roomIds(), ...answer.roomIds('leave')].length > 0;
}

test('who joins and leaves while all race gets what came while joined, and nothing from after a leave', async () => {
  const race = await start();
  const { roomId, members } = race;
  const filter = { room: { timeline: { limit: 1_000 } } };
  const chains: Given[] = members.map((session) => {
    return { session, client: new SyncingClient(server, session, filter), ids: [], lastOfLeaving: [] };
  });
  for (let wave = 0; wave < WAVES; wave++) {
    const requests = Array.from({ length: REQUESTS_PER_WAVE }, () => request(race));
    await Promise.all([...requests, ...chains.map((chain) => syncOnce(chain, roomId))]);
  }
  for (const chain of chains) while (await syncOnce(chain, roomId));
  const events = await history(race);
  let allJoins = 0;
  for (const { session, ids, lastOfLeaving } of chains) {
    const own = (event: JsonObject) => event.type === 'm.room.member' && event.state_key === session.userId;
    let isJoined = false;
    let joins = 0;
    const due: string[] = [];
    for (const event of events) {
      const wasJoined = isJoined;
      if (own(event)) isJoined = (event.content as JsonObject).membership === 'join';
      if (isJoined && !wasJoined) joins++;
      if (isJoined || wasJoined) due.push(String(event.event_id));
    }
    allJoins += joins;
    expect(due.filter((id) => !ids.includes(id))).toEqual([]);
    const leaves = idsOf(events.filter((event) => own(event) && (event.content as JsonObject).membership !== 'join'));
    // A join brings the history again, once; what took the user out also came to who was out.
    const counts = [...Map.groupBy(ids, (id) => id)].map(([id, same]) => same.length - Number(leaves.includes(id)));
    expect(Math.max(...counts)).toBeLessThanOrEqual(joins);
    expect(lastOfLeaving.filter((id) => !leaves.includes(id))).toEqual([]);
  }
  expect(allJoins).toBeGreaterThan(MEMBERS);
});

test('each event says which came before it, and the history has one end', async () => {
  const race = await start();
  for (let wave = 0; wave < 3; wave++) {
    await Promise.all(Array.from({ length: REQUESTS_PER_WAVE }, () => request(race)));
  }
  const events = await history(race);
  const found = await server.server.services.events.byIds(idsOf(events));
  const pdus = events.map(({ event_id: id }) => found.get(String(id))?.pdu);
  const depths = pdus.map((pdu) => pdu?.depth);
  expect(depths).toEqual(Array.from(depths, (_, index) => index + 1));
  for (const [index, pdu] of pdus.entries()) {
    expect(pdu?.prevEvents).toEqual(index === 0 ? [] : [pdus[index - 1]?.eventId]);
  }
});
