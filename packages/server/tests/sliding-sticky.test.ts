import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { listOf, SlidingClient } from './support/sliding-client.ts';
import { StickySlidingClient, stickyIn } from './support/sticky-sliding-client.ts';
import { SyncStory } from './support/sync-story.ts';

const HOUR_MS = 3_600_000;
const LONG_MS = 30_000;
const NAME = 'org.matrix.msc4354.sticky_events';

let story: SyncStory;
let alice: Session;
/** A user with nothing behind him, and the rooms he is in, the one joined last first in his lists. */
let bob: Session;
let rooms: string[];
let count = 0;

beforeAll(async () => {
  story = await SyncStory.begin({ sticky_events: { events_per_sync: 5 } });
  alice = await story.user('alice');
});
afterAll(() => story.end());

beforeEach(async () => {
  // After a restart, nothing that is made may equal what was made at this very moment before.
  story.world.advance(1_000);
  count += 1;
  bob = await story.user(`bob${count}`);
  rooms = [];
});

/** A room of Alice and Bob, above all others in his lists. */
async function enterRoom(): Promise<string> {
  const room = await story.room(alice);
  await story.join(bob, room);
  await story.say(alice, room, 'hello');
  rooms.unshift(room);
  return room;
}

async function stick(room: string, durationMs = HOUR_MS, session = alice): Promise<string> {
  count += 1;
  const path = `/rooms/${encodeURIComponent(room)}/send/m.call.member/s${count}`;
  const query = `org.matrix.msc4354.sticky_duration_ms=${durationMs}`;
  return String((await story.do(session, 'PUT', `${path}?${query}`, { msc4354_sticky_key: `${count}` })).event_id);
}

async function stickMany(room: string, number: number): Promise<string[]> {
  const sent: string[] = [];
  for (let index = 0; index < number; index += 1) sent.push(await stick(room));
  return sent;
}

/** Bob with a list that shows the first room, without timelines unless told otherwise. */
function client(timelineLimit = 0, lists: JsonObject = { all: listOf(0, timelineLimit) }): StickySlidingClient {
  return new StickySlidingClient(story.server, bob, lists);
}

describe('C10: sticky events in sliding sync', () => {
  test('come from rooms of a list at any window, and with what is left of them (C8)', async () => {
    const below = await enterRoom();
    const above = await enterRoom();
    const bobs = client();
    expect((await bobs.sync()).sticky).toBeUndefined();
    const sent = await stick(below, HOUR_MS);
    story.world.advance(60_000);
    const { answer, sticky } = await bobs.sync();
    expect(answer.roomIds).not.toContain(above);
    const [event] = sticky?.rooms?.[below]?.events ?? [];
    expect(event).toMatchObject({ event_id: sent, msc4354_sticky: { duration_ms: HOUR_MS } });
    expect(event?.unsigned).toMatchObject({ msc4354_sticky_duration_ttl_ms: HOUR_MS - 60_000 });
    expect(event).not.toHaveProperty('room_id');
    expect((await bobs.sync()).sticky).toBeUndefined();
  });

  test('C2, C3: stand in the timeline or in the extension, and come once', async () => {
    const room = await enterRoom();
    const bobs = client(2);
    await bobs.sync();
    const sent = await stickMany(room, 4);
    const { answer, ids } = await bobs.sync();
    expect([answer.timelineIds(room), ids]).toEqual([sent.slice(2), { [room]: sent.slice(0, 2) }]);
    await story.say(alice, room, 'again');
    expect((await bobs.sync()).ids).toEqual({});
  });

  test('C2: a token moves over what timelines alone delivered', async () => {
    const room = await enterRoom();
    const bobs = client(5);
    await bobs.sync();
    const sent = await stick(room);
    const { answer, sticky } = await bobs.sync();
    expect(answer.timelineIds(room)).toContain(sent);
    expect(sticky).toEqual({ next_batch: expect.any(String), rooms: {} });
    expect((await bobs.sync()).sticky).toBeUndefined();
  });

  test('C5: come in pages of the limit or less, oldest first, the next one at once; 0 counts as 1', async () => {
    const room = await enterRoom();
    const sent = await stickMany(room, 12);
    const bobs = client();
    const pages: unknown[] = [];
    for (const limit of [0, undefined, 100, 3]) {
      bobs.limit = limit;
      pages.push((await bobs.sync({ timeoutMs: LONG_MS })).ids[room]);
    }
    expect(pages).toEqual([sent.slice(0, 1), sent.slice(1, 6), sent.slice(6, 11), sent.slice(11)]);
    expect((await bobs.sync()).sticky).toBeUndefined();
  });

  test('C3, C5: what timelines delivered while pages are pending does not come again', async () => {
    const room = await enterRoom();
    const early = await stickMany(room, 7);
    const bobs = client(1);
    const first = await bobs.sync();
    const late = await stick(room);
    const second = await bobs.sync();
    const third = await bobs.sync();
    expect([first, second].map(({ answer }) => answer.timelineIds(room))).toEqual([early.slice(-1), [late]]);
    expect([first, second, third].map(({ ids }) => ids[room])).toEqual([early.slice(0, 5), [early[5]], undefined]);
  });

  test('C6, C9: who joins gets all that is unexpired, whatever the token has passed; who leaves no more', async () => {
    const open = await story.room(alice);
    const early = await stick(open);
    await enterRoom();
    const bobs = client();
    await stick(rooms[0] ?? '');
    await bobs.sync();
    await story.put(alice, open, 'invite', bob);
    expect((await bobs.sync()).ids).toEqual({});
    await story.join(bob, open);
    expect((await bobs.sync()).ids).toEqual({ [open]: [early] });
    await story.put(alice, open, 'kick', bob);
    await stick(open);
    expect((await bobs.sync()).ids).toEqual({});
  });

  test('C4: those of ignored users are never given', async () => {
    const room = await enterRoom();
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: { [alice.userId]: {} } });
    await stick(room);
    const own = await stick(room, HOUR_MS, bob);
    expect((await client().sync()).ids).toEqual({ [room]: [own] });
  });

  test('C12: wake who waits', async () => {
    const below = await enterRoom();
    await enterRoom();
    const bobs = client();
    await bobs.sync();
    const waiting = bobs.sync({ timeoutMs: LONG_MS });
    await story.settle();
    const sent = await stick(below);
    expect((await waiting).ids).toEqual({ [below]: [sent] });
  });
});

describe('C10: no sticky event is skipped', () => {
  test('of a room that no list matched, until one does', async () => {
    const room = await enterRoom();
    const other = await enterRoom();
    const bobs = client(0, { direct: listOf(9, 0, { filters: { is_dm: true } }) });
    const early = await stick(room);
    expect((await bobs.sync()).sticky).toBeUndefined();
    await story.setAccountData(bob, 'm.direct', { [alice.userId]: [other] });
    const told = await stick(other);
    expect((await bobs.sync()).ids).toEqual({ [other]: [told] });
    const late = await stick(room);
    bobs.lists = {};
    expect((await bobs.sync()).sticky).toBeUndefined();
    bobs.lists = { all: listOf(0, 0) };
    const { answer, ids } = await bobs.sync();
    expect(answer.room(room)).toMatchObject({ initial: true });
    expect(ids).toEqual({ [room]: [early, late] });
  });

  test('of a room that a list lost while pages were pending', async () => {
    const room = await enterRoom();
    const other = await enterRoom();
    const sent = await stickMany(room, 8);
    const named = { filters: { not_tags: ['u.away'] } };
    const bobs = client(0, { all: listOf(9, 0, named) });
    expect((await bobs.sync()).ids).toEqual({ [room]: sent.slice(0, 5) });
    await story.do(bob, 'PUT', `/user/${bob.userId}/rooms/${room}/tags/u.away`, {});
    const told = await stick(other);
    expect((await bobs.sync()).ids).toEqual({ [other]: [told] });
    await story.do(bob, 'DELETE', `/user/${bob.userId}/rooms/${room}/tags/u.away`);
    expect((await bobs.sync()).ids).toEqual({ [room]: sent.slice(5) });
    expect((await bobs.sync()).sticky).toBeUndefined();
  });

  test('when a connection is reset; the rooms that it shows bring theirs again, others do not', async () => {
    const below = await enterRoom();
    const above = await enterRoom();
    const [one, two] = [await stick(below), await stick(above)];
    const bobs = client();
    expect((await bobs.sync()).ids).toEqual({ [below]: [one], [above]: [two] });
    bobs.reset();
    const three = await stick(below);
    await story.say(alice, above, 'above again');
    expect((await bobs.sync()).ids).toEqual({ [below]: [three], [above]: [two] });
    bobs.lists = { all: listOf(1, 0) };
    expect((await bobs.sync()).ids).toEqual({ [below]: [one, three] });
  });

  test('when an answer is lost, or the server restarts', async () => {
    const room = await enterRoom();
    const bobs = client(1);
    await bobs.sync();
    const sent = await stickMany(room, 8);
    const lost = await bobs.sync({ isLost: true });
    expect(await bobs.sync()).toMatchObject({ ids: lost.ids });
    bobs.moveTo(await story.restart());
    const rest = await bobs.sync();
    expect([...(lost.ids[room] ?? []), ...(rest.ids[room] ?? []), ...lost.answer.timelineIds(room)]).toEqual(sent);
  });

  test('of a subscribed room', async () => {
    const room = await enterRoom();
    const sent = await stick(room);
    const subscription = { [room]: { timeline_limit: 0, required_state: [] } };
    const subscriber = new SlidingClient(story.server, bob, {
      room_subscriptions: subscription,
      extensions: { sticky_events: { enabled: true } },
    });
    const sticky = stickyIn(await subscriber.sync(), 'sticky_events');
    expect(sticky?.rooms?.[room]?.events).toEqual([expect.objectContaining({ event_id: sent })]);
  });
});

test('C10: an answer reads the rooms that have something new, however many are sticky', async () => {
  const sticky: string[] = [];
  for (let index = 0; index < 12; index += 1) sticky.push(await stick(await enterRoom()));
  const bobs = client();
  const given: string[] = [];
  for (let page = 0; page < 3; page += 1) given.push(...Object.values((await bobs.sync()).ids).flat());
  expect(given).toEqual(sticky);
  await stick(rooms[5] ?? '');
  await story.settle();
  const before = { ...story.server.storage.tally };
  expect(Object.keys((await bobs.sync()).ids)).toEqual([rooms[5]]);
  const { reads, rowsRead } = story.server.storage.tally;
  expect(reads - before.reads).toBeLessThan(20);
  expect(rowsRead - before.rowsRead).toBeLessThan(20);
});

test.each<[JsonObject | string, string]>([
  [{ enabled: true, limit: -1 }, 'M_INVALID_PARAM'],
  [{ enabled: true, limit: 1.5 }, 'M_BAD_JSON'],
  [{ enabled: 1 }, 'M_BAD_JSON'],
  [{ enabled: true, since: 1 }, 'M_BAD_JSON'],
  [{ enabled: true, since: 's1_x_1-1' }, 'M_INVALID_PARAM'],
  ['all', 'M_BAD_JSON'],
])('C10: %j is refused', async (request, errcode) => {
  const asking = new SlidingClient(story.server, bob, { extensions: { [NAME]: request } });
  const { status, body } = await asking.ask();
  expect([status, body.errcode]).toEqual([400, errcode]);
});

test('C10: a token of a database that is no more counts as none', async () => {
  const room = await enterRoom();
  const sent = await stick(room);
  const bobs = client();
  await bobs.sync();
  bobs.since = bobs.since?.replace(/^e1_[^_]+_/, 'e1_zzzzzz_');
  expect((await bobs.sync()).ids).toEqual({ [room]: [sent] });
});
