import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { trustedPdu } from '@limpet/protocol/parse-pdu';
import { findRoomVersion, type RoomVersion } from '@limpet/protocol/room-version';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createRemoteWorld, type RemoteServer, type RemoteWorld } from './support/remote-server.ts';
import { createRoomAs, makePath, sendPath, setState } from './support/resident-paths.ts';

const V1 = '/_matrix/federation/v1';

let world: RemoteWorld;
let far: RemoteServer;
let alice: Session;
let sentCount = 0;

beforeEach(async () => {
  world = await createRemoteWorld(['far.test', 'evil.test']);
  far = world.remote('far.test');
  alice = await world.home.createUser('alice');
});

afterEach(() => world.stop());

const createRoom = (body: JsonObject = {}) => createRoomAs(world.home, alice, body);

/** A room whose history only those see who were there. */
const createClosedRoom = () => createRoom({ initial_state: [visibility('joined')] as never });

function visibility(history_visibility: string) {
  return { type: 'm.room.history_visibility', state_key: '', content: { history_visibility } };
}

async function shake(kind: 'join' | 'leave', roomId: string, remote = far): Promise<string> {
  const made = await remote.ask('GET', makePath(kind, roomId, remote.userId('bob')));
  const { pdu } = remote.complete(made.body);
  const answer = await remote.ask('PUT', sendPath(kind, roomId, pdu.eventId), pdu.json);
  if (answer.status !== 200) throw new Error(answer.text);
  return pdu.eventId;
}

/** A message of Alice's; its event ID. */
async function say(roomId: string, body: string, query = ''): Promise<string> {
  const path = `/_matrix/client/v3/rooms/${roomId}/send/m.room.message/${++sentCount}${query}`;
  const answer = await world.home.ok('PUT', path, { token: alice.accessToken, body: { msgtype: 'm.text', body } });
  return String(answer.event_id);
}

async function sayAll(roomId: string, bodies: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const body of bodies) ids.push(await say(roomId, body));
  return ids;
}

const roomPath = (kind: string, roomId: string, rest = '') => `${V1}/${kind}/${encodeURIComponent(roomId)}${rest}`;
const eventPath = (eventId: string) => `${V1}/event/${encodeURIComponent(eventId)}`;
const atEvent = (eventId: string) => `?event_id=${encodeURIComponent(eventId)}`;

async function backfill(roomId: string, from: readonly string[], limit: number, remote = far): Promise<JsonObject[]> {
  const query = [...from.map((eventId) => `v=${encodeURIComponent(eventId)}`), `limit=${limit}`].join('&');
  const { status, body, text } = await remote.ask('GET', roomPath('backfill', roomId, `?${query}`));
  if (status !== 200) throw new Error(text);
  return body.pdus as JsonObject[];
}

async function missing(roomId: string, body: JsonObject, remote = far): Promise<JsonObject[]> {
  const path = roomPath('get_missing_events', roomId);
  const answer = await remote.ask('POST', path, { earliest_events: [], latest_events: [], ...body });
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.body.events as JsonObject[];
}

function versionOf(id: string): RoomVersion {
  const version = findRoomVersion(id);
  if (version === undefined) throw new Error(`There is no room version ${id}`);
  return version;
}

const idsOf = (events: readonly JsonObject[], version = '12') =>
  events.map((json) => trustedPdu(json, versionOf(version)).eventId);
const bodiesOf = (events: readonly JsonObject[]) => events.map((event) => (event.content as JsonObject).body);

describe('event', () => {
  test('gives an event to who is in the room', async () => {
    const roomId = await createRoom();
    await shake('join', roomId);
    const eventId = await say(roomId, 'Hello');
    const { status, body } = await far.ask('GET', eventPath(eventId));
    expect(status).toBe(200);
    expect([body.origin, typeof body.origin_server_ts]).toEqual(['home.test', 'number']);
    const [pdu] = body.pdus as JsonObject[];
    expect(bodiesOf([pdu as JsonObject])).toEqual(['Hello']);
    expect(idsOf([pdu as JsonObject])).toEqual([eventId]);
  });

  test('gives none that is unknown, and none to who is not in the room: the answers are alike', async () => {
    const roomId = await createRoom();
    const eventId = await say(roomId, 'Hello');
    const closed = await far.ask('GET', eventPath(eventId));
    const unknown = await far.ask('GET', eventPath(eventId.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))));
    expect([closed.status, closed.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    expect([unknown.status, unknown.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    expect(await far.outcome('GET', `${V1}/event/x`)).toEqual([400, 'M_INVALID_PARAM']);
  });

  test('gives it redacted to who may not see it, and as it is what is from before the server left', async () => {
    const roomId = await createClosedRoom();
    const before = await say(roomId, 'before');
    await shake('join', roomId);
    const during = await say(roomId, 'during');
    const get = async (eventId: string) => ((await far.ask('GET', eventPath(eventId))).body.pdus ?? []) as JsonObject[];
    expect(bodiesOf(await get(before))).toEqual([undefined]);
    expect(idsOf(await get(before))).toEqual([before]);
    expect(bodiesOf(await get(during))).toEqual(['during']);
    const leave = await shake('leave', roomId);
    const after = await say(roomId, 'after');
    expect(bodiesOf(await get(during))).toEqual(['during']);
    expect(idsOf(await get(leave))).toEqual([leave]);
    expect(await get(before)).toEqual([]);
    expect(await get(after)).toEqual([]);
  });

  test('C7 gives what is still sticky to who is in the room, whatever the history visibility', async () => {
    const roomId = await createClosedRoom();
    const eventId = await say(roomId, 'sticky', '?org.matrix.msc4354.sticky_duration_ms=60000');
    expect(await far.outcome('GET', eventPath(eventId))).toEqual([404, 'M_NOT_FOUND']);
    await shake('join', roomId);
    const get = async () => bodiesOf((await far.ask('GET', eventPath(eventId))).body.pdus as JsonObject[]);
    expect(await get()).toEqual(['sticky']);
    expect(bodiesOf(await backfill(roomId, [eventId], 1))).toEqual(['sticky']);
    world.world.advance(60_000);
    expect(await get()).toEqual([undefined]);
    expect(bodiesOf(await backfill(roomId, [eventId], 1))).toEqual([undefined]);
  });
});

describe('state, state_ids and event_auth', () => {
  test('give the state before the event, with the auth chain', async () => {
    const roomId = await createRoom();
    await shake('join', roomId);
    const name = await setState(world.home, alice, roomId, 'm.room.name', { name: 'Garden' });
    const eventId = await say(roomId, 'Hello');
    const before = (await far.ask('GET', roomPath('state', roomId, atEvent(name)))).body;
    const after = (await far.ask('GET', roomPath('state', roomId, atEvent(eventId)))).body;
    expect(idsOf(before.pdus as JsonObject[])).not.toContain(name);
    expect(idsOf(after.pdus as JsonObject[])).toContain(name);
    expect((after.pdus as JsonObject[]).length).toBe((before.pdus as JsonObject[]).length + 1);
    const ids = (await far.ask('GET', roomPath('state_ids', roomId, atEvent(eventId)))).body;
    expect([...(ids.pdu_ids as string[])].sort()).toEqual(idsOf(after.pdus as JsonObject[]).sort());
    expect([...(ids.auth_chain_ids as string[])].sort()).toEqual(idsOf(after.auth_chain as JsonObject[]).sort());
    // Nothing that the chain rests on is left out of it.
    const chain = new Set(ids.auth_chain_ids as string[]);
    const rests = [...(after.pdus as JsonObject[]), ...(after.auth_chain as JsonObject[])];
    const named = rests.flatMap((json) => trustedPdu(json, versionOf('12')).authEvents);
    expect(named.filter((authEventId) => !chain.has(authEventId))).toEqual([]);
    const auth = (await far.ask('GET', roomPath('event_auth', roomId, `/${encodeURIComponent(eventId)}`))).body;
    const types = (auth.auth_chain as JsonObject[]).map(({ type }) => type).sort();
    expect(types).toEqual(['m.room.member', 'm.room.power_levels']);
  });

  test('refuse who is not in the room, events of other rooms, and what is unknown', async () => {
    const [roomId, other] = [await createRoom(), await createRoom()];
    await shake('join', roomId);
    const [inside, outside] = [await say(roomId, 'in'), await say(other, 'out')];
    const evil = world.remote('evil.test');
    const paths = (room: string, eventId: string) => [
      roomPath('state', room, atEvent(eventId)),
      roomPath('state_ids', room, atEvent(eventId)),
      roomPath('event_auth', room, `/${encodeURIComponent(eventId)}`),
    ];
    for (const path of paths(roomId, inside)) {
      expect((await far.ask('GET', path)).status).toBe(200);
      expect(await evil.outcome('GET', path)).toEqual([403, 'M_FORBIDDEN']);
    }
    for (const path of paths(roomId, outside)) expect(await far.outcome('GET', path)).toEqual([404, 'M_NOT_FOUND']);
    for (const path of paths(other, outside)) expect(await far.outcome('GET', path)).toEqual([403, 'M_FORBIDDEN']);
    for (const path of paths('!unknown:home.test', inside)) {
      expect(await far.outcome('GET', path)).toEqual([403, 'M_FORBIDDEN']);
    }
    for (const path of paths(roomId, `$${'u'.repeat(43)}`)) {
      expect(await far.outcome('GET', path)).toEqual([404, 'M_NOT_FOUND']);
    }
    expect(await far.outcome('GET', roomPath('state', roomId))).toEqual([400, 'M_MISSING_PARAM']);
    await setState(world.home, alice, roomId, 'm.room.server_acl', { allow: ['home.test'] });
    for (const path of paths(roomId, inside)) expect(await far.outcome('GET', path)).toEqual([403, 'M_FORBIDDEN']);
  });

  test('tell who left of the events at which he was there, and of no others', async () => {
    const roomId = await createRoom();
    const before = await say(roomId, 'before');
    await shake('join', roomId);
    const during = await say(roomId, 'during');
    await shake('leave', roomId);
    const after = await say(roomId, 'after');
    const status = async (eventId: string) =>
      (await far.ask('GET', roomPath('state_ids', roomId, atEvent(eventId)))).status;
    expect([await status(before), await status(during), await status(after)]).toEqual([404, 200, 404]);
  });
});

describe('backfill', () => {
  test('gives the events asked for and those before them, the newest first, up to the limit', async () => {
    const roomId = await createRoom();
    await shake('join', roomId);
    const ids = await sayAll(roomId, ['one', 'two', 'three', 'four', 'five']);
    expect(bodiesOf(await backfill(roomId, [String(ids[3])], 3))).toEqual(['four', 'three', 'two']);
    expect(await backfill(roomId, [String(ids[3])], 0)).toEqual([]);
    const all = await backfill(roomId, [String(ids[4])], 1_000);
    expect(all.at(-1)?.type).toBe('m.room.create');
    // With commas, as the specification has it.
    const { body } = await far.ask('GET', roomPath('backfill', roomId, `?v=${ids[4]},${ids[1]}&limit=2`));
    expect(bodiesOf(body.pdus as JsonObject[])).toEqual(['five', 'four']);
  });

  test('gives a hundred at most, for a handful of reads', async () => {
    const roomId = await createRoom();
    await shake('join', roomId);
    let last = '';
    for (let count = 0; count < 120; count++) last = await say(roomId, `${count}`);
    const { reads } = world.home.storage.tally;
    expect(await backfill(roomId, [last], 5_000)).toHaveLength(100);
    expect(world.home.storage.tally.reads - reads).toBeLessThan(12);
  });

  test('passes over what is unknown or of other rooms, and refuses who is not in the room', async () => {
    const [roomId, other] = [await createRoom(), await createRoom()];
    await shake('join', roomId);
    const outside = await say(other, 'out');
    expect(await backfill(roomId, [outside, `$${'u'.repeat(43)}`, 'x'], 10)).toEqual([]);
    const path = roomPath('backfill', other, `?v=${outside}&limit=10`);
    expect(await far.outcome('GET', path)).toEqual([403, 'M_FORBIDDEN']);
    expect(await far.outcome('GET', roomPath('backfill', roomId, '?v=x'))).toEqual([400, 'M_MISSING_PARAM']);
    expect(await far.outcome('GET', roomPath('backfill', roomId, '?limit=5'))).toEqual([400, 'M_MISSING_PARAM']);
  });

  test.each([
    ['joined', [undefined, undefined]],
    ['invited', [undefined, 'after the invite']],
    ['shared', ['before', 'after the invite']],
    ['world_readable', ['before', 'after the invite']],
  ])('with the visibility %s shows of what was said before the join', async (value, seen) => {
    const roomId = await createRoom({ initial_state: [visibility(value)] as never });
    const before = await say(roomId, 'before');
    far.onInvite = (event) => far.countersign(event, versionOf('12'));
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${roomId}/invite`, {
      token: alice.accessToken,
      body: { user_id: far.userId('bob') },
    });
    const invited = await say(roomId, 'after the invite');
    await shake('join', roomId);
    const found = await backfill(roomId, [invited], 50);
    expect([bodiesOf(found).at(-1), idsOf(found)[0]]).toEqual([undefined, invited]);
    const byId = new Map(idsOf(found).map((eventId, index) => [eventId, bodiesOf(found)[index]]));
    expect([byId.get(before), byId.get(invited)]).toEqual(seen);
  });

  test('goes both ways where the graph forks', async () => {
    const roomId = await createRoom();
    await shake('join', roomId);
    const made = (await far.ask('GET', makePath('join', roomId, far.userId('bob')))).body;
    const here = await say(roomId, 'here');
    const evil = world.remote('evil.test');
    await shake('join', roomId, evil);
    // Made before that, and brought later: another end of the graph.
    const { pdu } = far.complete(made);
    await far.ask('PUT', sendPath('join', roomId, pdu.eventId), pdu.json);
    const merged = await say(roomId, 'merged');
    const ids = idsOf(await backfill(roomId, [merged], 4));
    expect(ids[0]).toBe(merged);
    expect(ids).toContain(pdu.eventId);
    expect(ids).toHaveLength(4);
    expect(idsOf(await backfill(roomId, [merged], 50))).toContain(here);
  });
});

describe('get_missing_events', () => {
  test('gives what lies between, oldest first', async () => {
    const roomId = await createRoom();
    await shake('join', roomId);
    const ids = await sayAll(roomId, ['one', 'two', 'three', 'four', 'five']);
    const [first, , , , last] = ids;
    const between = { earliest_events: [first], latest_events: [last] } as JsonObject;
    expect(bodiesOf(await missing(roomId, between))).toEqual(['two', 'three', 'four']);
    expect(bodiesOf(await missing(roomId, { ...between, limit: 2 }))).toEqual(['three', 'four']);
    expect(bodiesOf(await missing(roomId, { ...between, limit: 0 }))).toEqual([]);
    const [depth] = (await backfill(roomId, [String(ids[2])], 1)).map((event) => event.depth);
    expect(bodiesOf(await missing(roomId, { ...between, min_depth: depth as JsonValue }))).toEqual(['three', 'four']);
    expect(await missing(roomId, { latest_events: [`$${'u'.repeat(43)}`, 'x'] })).toEqual([]);
  });

  test('gives ten where no limit is asked for, and fifty at most', async () => {
    const roomId = await createRoom();
    await shake('join', roomId);
    let last = '';
    for (let count = 0; count < 60; count++) last = await say(roomId, `${count}`);
    expect(await missing(roomId, { latest_events: [last] })).toHaveLength(10);
    expect(await missing(roomId, { latest_events: [last], limit: 1_000 })).toHaveLength(50);
  });

  test('refuses who is not in the room, and bodies that are none', async () => {
    const roomId = await createRoom();
    const path = roomPath('get_missing_events', roomId);
    expect(await far.outcome('POST', path, { earliest_events: [], latest_events: [] })).toEqual([403, 'M_FORBIDDEN']);
    await shake('join', roomId);
    expect(await far.outcome('POST', path, {})).toEqual([400, 'M_MISSING_PARAM']);
    expect(await far.outcome('POST', path, { earliest_events: 'x', latest_events: [] })).toEqual([400, 'M_BAD_JSON']);
    expect(await far.outcome('POST', path, { earliest_events: [7], latest_events: [] })).toEqual([400, 'M_BAD_JSON']);
  });

  test('D6 gives a newcomer the events before a sticky one that was pushed, and the state there', async () => {
    const roomId = await createClosedRoom();
    const [earlier] = await sayAll(roomId, ['unseen', 'unseen, too']);
    const sticky = await say(roomId, 'sticky', '?org.matrix.msc4354.sticky_duration_ms=60000');
    const joined = await shake('join', roomId);
    const between = { earliest_events: [], latest_events: [sticky], limit: 2 };
    const found = await missing(roomId, between);
    // They hold the graph together, and say nothing.
    expect(idsOf(found)[0]).toBe(earlier);
    expect(found.map(({ content }) => content)).toEqual([{}, {}]);
    expect(found.every((event) => (event.prev_events as string[]).length === 1)).toBe(true);
    expect(idsOf(await missing(roomId, { ...between, latest_events: [joined], limit: 1 }))).toEqual([sticky]);
    for (const eventId of idsOf(found)) {
      expect((await far.ask('GET', eventPath(eventId))).status).toBe(200);
      expect((await far.ask('GET', roomPath('state_ids', roomId, atEvent(eventId)))).status).toBe(200);
    }
  });
});

describe('a soft-failed event', () => {
  test('is given where it is asked for, or another one rests on it, and nowhere else', async () => {
    const roomId = await createRoom();
    await shake('join', roomId);
    const made = (await far.ask('GET', makePath('join', roomId, far.userId('eve')))).body;
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${roomId}/ban`, {
      token: alice.accessToken,
      body: { user_id: far.userId('eve') },
    });
    const evading = far.complete(made).pdu;
    const sent = await far.outcome('PUT', sendPath('join', roomId, evading.eventId), evading.json);
    expect(sent).toEqual([403, 'M_FORBIDDEN']);
    expect((await far.ask('GET', eventPath(evading.eventId))).status).toBe(200);
    const latest = await say(roomId, 'latest');
    expect(idsOf(await backfill(roomId, [latest], 100))).not.toContain(evading.eventId);
    expect(idsOf(await missing(roomId, { latest_events: [latest], limit: 50 }))).not.toContain(evading.eventId);
    // Another server did not see the ban yet, and goes on from there.
    const leave = (await far.ask('GET', makePath('leave', roomId, far.userId('bob')))).body;
    const draft = { type: 'm.room.message', stateKey: undefined, content: { body: 'after' } };
    const built = far.complete(leave, { ...draft, prevEvents: [evading.eventId] });
    const { receiver } = world.home.server.services.rooms;
    const [reception] = await receiver.receive(roomId, [{ ...built, receivedTs: 1 }]);
    expect(reception).toEqual({ outcome: 'accepted' });
    const { eventId } = built.pdu;
    expect(idsOf(await backfill(roomId, [eventId], 2))).toEqual([eventId, evading.eventId]);
    expect(idsOf(await missing(roomId, { latest_events: [eventId], limit: 1 }))).toEqual([evading.eventId]);
    expect((await far.ask('GET', roomPath('state_ids', roomId, atEvent(evading.eventId)))).status).toBe(200);
  });
});

describe('timestamp_to_event', () => {
  test('finds the closest event after a time, or before it', async () => {
    const roomId = await createRoom();
    await shake('join', roomId);
    const startMs = world.world.clock.nowMs();
    const ids: string[] = [];
    for (let count = 1; count <= 30; count++) {
      world.world.advance(1_000);
      ids.push(await say(roomId, `${count}`));
    }
    const ask = async (ts: number, dir: string) => {
      const answer = await far.ask('GET', roomPath('timestamp_to_event', roomId, `?ts=${ts}&dir=${dir}`));
      return answer.status === 200 ? answer.body.event_id : answer.body.errcode;
    };
    expect(await ask(startMs + 7_500, 'f')).toBe(ids[7]);
    expect(await ask(startMs + 7_500, 'b')).toBe(ids[6]);
    expect(await ask(startMs + 8_000, 'f')).toBe(ids[7]);
    expect(await ask(startMs + 8_000, 'b')).toBe(ids[7]);
    expect(await ask(startMs + 40_000, 'b')).toBe(ids[29]);
    expect(await ask(startMs + 40_000, 'f')).toBe('M_NOT_FOUND');
    expect(await ask(-5, 'b')).toBe('M_NOT_FOUND');
    const path = roomPath('timestamp_to_event', roomId, `?ts=${startMs + 3_000}&dir=f`);
    expect((await far.ask('GET', path)).body).toEqual({ event_id: ids[2], origin_server_ts: startMs + 3_000 });
  });

  test('refuses who is not in the room, and what is no time or direction', async () => {
    const roomId = await createRoom();
    const ask = (query: string) => far.outcome('GET', roomPath('timestamp_to_event', roomId, query));
    expect(await ask('?ts=1&dir=f')).toEqual([403, 'M_FORBIDDEN']);
    await shake('join', roomId);
    expect(await ask('?ts=x&dir=f')).toEqual([400, 'M_INVALID_PARAM']);
    expect(await ask('?ts=1&dir=up')).toEqual([400, 'M_INVALID_PARAM']);
    expect(await ask('?ts=1')).toEqual([400, 'M_MISSING_PARAM']);
    await shake('leave', roomId);
    expect(await ask('?ts=1&dir=f')).toEqual([403, 'M_FORBIDDEN']);
  });
});
