import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Branch, ForkedRoom } from '../../../../tests/support/forked-room.ts';
import { createTestRooms, type TestRooms } from '../../../../tests/support/test-rooms.ts';
import { openTestStorage } from '../../../../tests/support/test-storage.ts';
import { selectDueStickyEvents } from '../../../storage/queries/sticky-events.ts';
import type { Storage } from '../../../storage/storage.ts';
import { createStickyProjection } from '../../sticky-events/sticky-projection.ts';
import { StickyRooms } from '../../sticky-events/sticky-rooms.ts';
import type { Reception } from '../received-event.ts';
import type { RoomRecord } from '../room-event.ts';

/** Events of other servers in a room that `@alice:test` has joined over one of them. */

const ALICE = '@alice:test';
const BOB = '@bob:near';
const CAROL = '@carol:far';

let storage: Storage;
let rooms: TestRooms;
let far: ForkedRoom;
let joined: Branch;

beforeEach(async () => {
  storage = await openTestStorage();
  rooms = startRooms();
  far = new ForkedRoom(rooms.world.clock.nowMs());
  joined = await enter(far);
});

afterEach(async () => {
  await rooms.stop();
  await storage.close();
});

function startRooms(seed = 1): TestRooms {
  return createTestRooms(storage, { seed, projections: [createStickyProjection(new StickyRooms())] });
}

async function enter(room: ForkedRoom): Promise<Branch> {
  const bob = room.after(room.start, room.member(BOB, 'join'));
  const carol = room.after(bob, room.member(CAROL, 'join'));
  const join = room.after(carol, room.member(ALICE, 'join'));
  await rooms.receiver.enter(room.entry(carol, join));
  return join;
}

async function receive(...branches: readonly Branch[]): Promise<readonly Reception[]> {
  return rooms.receiver.receive(
    far.roomId,
    branches.map(({ received }) => received),
  );
}

async function outcomes(...branches: readonly Branch[]): Promise<string[]> {
  return (await receive(...branches)).map(({ outcome }) => outcome);
}

async function record(): Promise<RoomRecord> {
  const room = await rooms.events.room(far.roomId);
  if (room === undefined) throw new Error('The room is not there');
  return room;
}

/** Event IDs of the timeline, oldest first. */
async function timeline(): Promise<string[]> {
  const room = await record();
  const range = { room, after: Number.MIN_SAFE_INTEGER, before: Number.MAX_SAFE_INTEGER, limit: 5_000 };
  return (await rooms.events.forwards(range)).map(({ pdu }) => pdu.eventId);
}

async function membership(userId: string): Promise<unknown> {
  return (await rooms.content(far.roomId, 'm.room.member', userId))?.membership;
}

async function topic(): Promise<unknown> {
  return (await rooms.content(far.roomId, 'm.room.topic'))?.topic;
}

/** The events that the next one of ours comes after. */
async function ends(): Promise<string[]> {
  let found: string[] = [];
  await rooms.writer.changeForked(far.roomId, ({ room }) => {
    found = room.extremities.map(({ pdu }) => pdu.eventId);
    return { events: [] };
  });
  return found.sort();
}

function ids(...branches: readonly Branch[]): string[] {
  return branches.map(({ pdu }) => pdu.eventId).sort();
}

describe('a room that was joined over another server', () => {
  test('begins with the join, and has the state of before', async () => {
    expect(await timeline()).toEqual([joined.pdu.eventId]);
    expect(await membership(BOB)).toBe('join');
    expect(await membership(ALICE)).toBe('join');
    const counts = await rooms.memberships.counts(await record());
    expect(counts.joined).toBe(4);
    expect(await ends()).toEqual(ids(joined));
  });

  test('takes messages of ours on top, and of others', async () => {
    const first = await rooms.say(far.roomId, ALICE, 'hello');
    const theirs = far.after(joined, far.say(BOB, 'hi'));
    expect(await outcomes(theirs)).toEqual(['accepted']);
    expect(await timeline()).toEqual([joined.pdu.eventId, first, theirs.pdu.eventId]);
    expect(await ends()).toEqual([first, theirs.pdu.eventId].sort());
    const second = await rooms.say(far.roomId, ALICE, 'together');
    const event = (await rooms.events.byIds([second])).get(second);
    expect([...(event?.pdu.prevEvents ?? [])].sort()).toEqual([first, theirs.pdu.eventId].sort());
  });

  test('is the same after a restart, forked as it is', async () => {
    const left = far.after(joined, far.state('m.room.topic', '', { topic: 'left' }));
    const right = far.after(joined, far.member('@dave:near', 'join'));
    await receive(left, right);
    await rooms.stop();
    rooms = startRooms(2);
    expect(await ends()).toEqual(ids(left, right));
    const next = await rooms.say(far.roomId, ALICE, 'on top of both');
    const event = (await rooms.events.byIds([next])).get(next);
    const state = await rooms.state.snapshot(event?.stateBefore ?? 0);
    const held = await rooms.events.byNids([...state.values()]);
    const holding = [...held.values()].map(({ pdu }) => pdu.eventId);
    expect(holding).toEqual(expect.arrayContaining(ids(left, right)));
  });

  test('can be entered again after everybody left, with the state as it is then', async () => {
    await rooms.membershipChanges.leave({ roomId: far.roomId, userId: ALICE });
    const leave = far.after(joined, far.member(ALICE, 'leave'));
    const gone = far.after(leave, far.member(BOB, 'leave'));
    const named = far.after(gone, far.state('m.room.topic', '', { topic: 'later' }));
    const again = far.after(named, far.member(ALICE, 'join'));
    await rooms.receiver.enter(far.entry(named, again));
    expect(await topic()).toBe('later');
    expect(await membership(BOB)).toBe('leave');
    expect(await membership(ALICE)).toBe('join');
    expect(await ends()).toEqual(ids(again));
    expect(await outcomes(far.after(again, far.say(CAROL, 'welcome back')))).toEqual(['accepted']);
  });

  test('does not begin with a join that the state refuses', async () => {
    const closed = new ForkedRoom(far.nowMs, '11', '!other:far');
    const invited = closed.after(closed.start, closed.state('m.room.join_rules', '', { join_rule: 'invite' }));
    const join = closed.after(invited, closed.member(ALICE, 'join'));
    await expect(rooms.receiver.enter(closed.entry(invited, join))).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' });
    await expect(rooms.say(closed.roomId, ALICE, 'x')).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' });
  });
});

describe('checks on receipt', () => {
  test('what is known is known, and what lacks something says what', async () => {
    const lost = far.after(joined, far.say(BOB, 'lost'));
    const next = far.after(lost, far.say(BOB, 'next'));
    expect(await receive(next)).toEqual([{ outcome: 'missing', authEvents: [], prevEvents: [lost.pdu.eventId] }]);
    expect(await outcomes(lost, next)).toEqual(['accepted', 'accepted']);
    expect(await outcomes(next)).toEqual(['known']);
    expect(await ends()).toEqual(ids(next));
  });

  test('who is not joined is rejected, and what comes after it is judged by itself', async () => {
    const refused = far.after(joined, far.say('@eve:far', 'spam'));
    const next = far.after(refused, far.say(BOB, 'fine'));
    expect(await outcomes(refused, next)).toEqual(['rejected', 'accepted']);
    expect(await timeline()).toEqual([joined.pdu.eventId, next.pdu.eventId]);
    expect(await ends()).toEqual(ids(next));
    expect(await outcomes(refused)).toEqual(['known']);
  });

  test('an event of another room is refused by name', async () => {
    const other = new ForkedRoom(far.nowMs, '11', '!other:far');
    const [reception] = await rooms.receiver.receive(far.roomId, [other.start.received]);
    expect(reception).toMatchObject({ outcome: 'rejected' });
  });

  test('soft failure: a message of before the ban that comes after it is kept and not shown', async () => {
    const ban = far.after(joined, far.member(BOB, 'ban', far.creator));
    const late = far.after(joined, far.say(BOB, 'still here'));
    const reply = far.after(late, far.say(CAROL, 'so what'));
    expect(await outcomes(ban)).toEqual(['accepted']);
    expect(await outcomes(late)).toEqual(['soft-failed']);
    expect(await ends()).toEqual(ids(ban));
    expect(await outcomes(reply)).toEqual(['accepted']);
    expect(await timeline()).toEqual([joined, ban, reply].map(({ pdu }) => pdu.eventId));
    // The reply rests on the join through what was refused, and the ban is an end of its own.
    expect(await ends()).toEqual(ids(ban, reply));
  });

  test('a depth of 2^63 does not hold up the room', async () => {
    const one = far.after(joined, far.say(BOB, 'deep'));
    const deep = { ...one.received, pdu: { ...one.pdu, depth: 2 ** 63 } };
    const [reception] = await rooms.receiver.receive(far.roomId, [deep]);
    expect(reception).toEqual({ outcome: 'accepted' });
    await rooms.say(far.roomId, ALICE, 'goes on');
  });
});

describe('forks', () => {
  test('state of two branches that do not contradict each other is the state of both', async () => {
    const left = far.after(joined, far.state('m.room.topic', '', { topic: 'left' }));
    const right = far.after(joined, far.member('@dave:near', 'join'));
    expect(await outcomes(left, right)).toEqual(['accepted', 'accepted']);
    expect(await topic()).toBe('left');
    expect(await membership('@dave:near')).toBe('join');
  });

  test('a ban wins over what the banned one does on another branch', async () => {
    const levels = { users: { [far.creator]: 100, [BOB]: 50 }, invite: 0 };
    const promoted = far.after(joined, far.state('m.room.power_levels', '', levels));
    const ban = far.after(promoted, far.member(BOB, 'ban', far.creator));
    const topicOfBob = far.after(promoted, far.state('m.room.topic', '', { topic: 'mine' }, BOB));
    expect(await outcomes(promoted, topicOfBob)).toEqual(['accepted', 'accepted']);
    expect(await topic()).toBe('mine');
    expect(await outcomes(ban)).toEqual(['accepted']);
    expect(await membership(BOB)).toBe('ban');
    expect(await topic()).toBeUndefined();
  });

  test('in whatever order the branches come, the state is the same', async () => {
    const first = far.after(joined, far.state('m.room.topic', '', { topic: 'first' }));
    far.nowMs += 1_000;
    const second = far.after(joined, far.state('m.room.topic', '', { topic: 'second' }));
    await receive(second);
    await receive(first);
    expect(await topic()).toBe('second');
    const name = far.after([second, first], far.state('m.room.name', '', { name: 'joined' }));
    expect(await outcomes(name)).toEqual(['accepted']);
    expect(await ends()).toEqual(ids(name));
    expect(await topic()).toBe('second');
  });

  test('E3: a whole batch is one step of the stream', async () => {
    const steps: number[] = [];
    const unfollow = storage.stream.follow((changes) => {
      steps.push(changes.filter(({ kind }) => kind === 'event').length);
    });
    let last = joined;
    const batch = Array.from({ length: 50 }, (_, index) => {
      last = far.after(last, far.say(BOB, `${index}`));
      return last;
    });
    await receive(...batch);
    unfollow();
    expect(steps.filter((count) => count > 0)).toEqual([50]);
    expect(await timeline()).toEqual([joined, ...batch].map(({ pdu }) => pdu.eventId));
  });

  test('E4: above the threshold the ends are brought together', async () => {
    const branches = Array.from({ length: 25 }, (_, index) => far.after(joined, far.say(BOB, `${index}`)));
    await receive(...branches);
    await rooms.stop();
    expect((await ends()).length).toBeLessThanOrEqual(10);
    await rooms.say(far.roomId, ALICE, 'on top');
    expect(await ends()).toHaveLength(1);
  });

  test('who comes first and who goes last of a server is told', async () => {
    const steps: [string, boolean][] = [];
    const unfollow = storage.stream.follow((changes) => {
      for (const change of changes) if (change.kind === 'room-server') steps.push([change.serverName, change.isIn]);
    });
    const erin = far.after(joined, far.member('@erin:new', 'join'));
    const second = far.after(erin, far.member('@frank:new', 'join'));
    const left = far.after(second, far.member('@erin:new', 'leave'));
    const gone = far.after(left, far.member('@frank:new', 'leave'));
    await receive(erin, second);
    await receive(left, gone);
    unfollow();
    expect(steps).toEqual([
      ['new', true],
      ['new', false],
    ]);
  });
});

describe('redactions', () => {
  test('one that comes before its target takes it down when it comes', async () => {
    const message = far.after(joined, far.say(BOB, 'oh no'));
    const redaction = far.after(joined, {
      sender: BOB,
      type: 'm.room.redaction',
      content: {},
      redacts: message.pdu.eventId,
    });
    expect(await outcomes(redaction)).toEqual(['accepted']);
    expect(await outcomes(message)).toEqual(['accepted']);
    const event = (await rooms.events.byIds([message.pdu.eventId])).get(message.pdu.eventId);
    expect(event?.pdu.content).toEqual({});
    expect(event?.redactedBy).toBeDefined();
  });

  test('both in one batch, whichever is first', async () => {
    const one = far.after(joined, far.say(BOB, 'one'));
    const two = far.after(joined, far.say(BOB, 'two'));
    const redact = (target: Branch) => ({
      sender: BOB,
      type: 'm.room.redaction',
      content: {},
      redacts: target.pdu.eventId,
    });
    await receive(far.after(joined, redact(one)), one, two, far.after(two, redact(two)));
    const found = await rooms.events.byIds([one.pdu.eventId, two.pdu.eventId]);
    expect([...found.values()].map(({ pdu }) => pdu.content)).toEqual([{}, {}]);
  });
});

describe('history', () => {
  test('comes before the first event, with the state of then', async () => {
    const stateIds = [...far.start.state.values()].map(({ eventId }) => eventId);
    const past = far.all.map((one) => one).filter(({ pdu }) => pdu.depth > far.start.pdu.depth && pdu !== joined.pdu);
    await rooms.receiver.keepHistory(far.roomId, past, { stateBefore: stateIds });
    expect(await timeline()).toEqual([...past.map(({ pdu }) => pdu.eventId), joined.pdu.eventId]);
    const first = (await rooms.events.byIds([past[0]?.pdu.eventId ?? ''])).get(past[0]?.pdu.eventId ?? '');
    expect((await rooms.state.snapshot(first?.stateBefore ?? 0)).size).toBe(stateIds.length);
    expect(await rooms.events.roomIndexAt(await record(), storage.stream.current())).toBe(1);
  });
});

describe('what others push of the time before this server came', () => {
  /** A room with a seat taken before alice joined, and all that led there. */
  async function enterLate(): Promise<{ room: ForkedRoom; past: Branch[]; seat: Branch; join: Branch }> {
    const room = new ForkedRoom(far.nowMs, '10', '!late:far');
    const bob = room.after(room.start, room.member(BOB, 'join'));
    const hello = room.after(bob, room.say(BOB, 'hello'));
    const seat = room.after(hello, room.sticky(BOB, 'seat'));
    const join = room.after(seat, room.member(ALICE, 'join'));
    await rooms.receiver.enter(room.entry(seat, join));
    return { room, past: [bob, hello, seat], seat, join };
  }

  test('C6: takes its place before the join, is no end of the graph, and sticks', async () => {
    const { room, seat, join } = await enterLate();
    const outcome = await rooms.receiver.receive(
      room.roomId,
      room.all.filter(({ pdu }) => pdu !== join.pdu),
    );
    expect(new Set(outcome.map((one) => one.outcome))).toEqual(new Set(['accepted']));
    const record = await rooms.events.room(room.roomId);
    if (record === undefined) throw new Error('The room is not there');
    const range = { room: record, after: Number.MIN_SAFE_INTEGER, before: Number.MAX_SAFE_INTEGER, limit: 100 };
    const all = await rooms.events.forwards(range);
    expect(all.map(({ pdu }) => pdu.eventId)).toEqual(room.all.map(({ pdu }) => pdu.eventId));
    expect(await rooms.events.roomIndexAt(record, storage.stream.current())).toBe(1);
    const rows = await storage.read(selectDueStickyEvents, {
      ...{ roomNid: record.nid, writer: 1, after: 0, upTo: Number.MAX_SAFE_INTEGER },
      ...{ nowMs: rooms.world.clock.nowMs(), limit: 10 },
    });
    const due = await rooms.events.byNids(rows.map((row) => row.event_nid));
    expect([...due.values()].map(({ pdu }) => pdu.eventId)).toEqual([seat.pdu.eventId]);
    let found: string[] = [];
    await rooms.writer.changeForked(room.roomId, ({ room: loaded }) => {
      found = loaded.extremities.map(({ pdu }) => pdu.eventId);
      return { events: [] };
    });
    expect(found).toEqual([join.pdu.eventId]);
  });

  test('what others said after it is news, however low its depth', async () => {
    const { room, past, join } = await enterLate();
    const [bob] = past;
    if (bob === undefined) throw new Error('Nobody joined');
    room.nowMs += 60_000;
    const apart = room.after(bob, room.say(BOB, 'from a branch that was cut off'));
    await rooms.receiver.receive(
      room.roomId,
      room.all.filter(({ pdu }) => pdu !== join.pdu),
    );
    const event = (await rooms.events.byIds([apart.pdu.eventId])).get(apart.pdu.eventId);
    expect(event?.place?.roomIndex).toBe(2);
  });
});

describe('a gap that is too wide', () => {
  test('is bridged by the state at the event', async () => {
    let last = joined;
    for (let index = 0; index < 5; index++)
      last = far.after(last, far.state('m.room.topic', '', { topic: `${index}` }));
    const event = far.after(last, far.say(BOB, 'after the gap'));
    const state = [...last.state.values()];
    const room = await record();
    expect(await rooms.receiver.keepOutliers(room, far.all)).toEqual({ leftOut: [] });
    const options = { stateBefore: state.map(({ eventId }) => eventId) };
    expect(await rooms.receiver.receive(far.roomId, [event.received], options)).toEqual([{ outcome: 'accepted' }]);
    expect(await topic()).toBe('4');
  });

  test('outliers whose auth events are not there are left out by name', async () => {
    const other = new ForkedRoom(far.nowMs + 5);
    const member = other.after(other.start, other.member('@zoe:far', 'join'));
    const { leftOut } = await rooms.receiver.keepOutliers(await record(), [member.received]);
    expect(leftOut).toEqual([member.pdu.eventId]);
  });
});

/** What is due of the sticky events of the room, in order. */
async function due(): Promise<string[]> {
  const room = await record();
  const rows = await storage.read(selectDueStickyEvents, {
    ...{ roomNid: room.nid, writer: 1, after: 0, upTo: Number.MAX_SAFE_INTEGER },
    ...{ nowMs: rooms.world.clock.nowMs(), limit: 5_000 },
  });
  const events = await rooms.events.byNids(rows.map((row) => row.event_nid));
  return rows.map((row) => events.get(row.event_nid)?.pdu.eventId ?? '');
}

/** Until what is done in the background has shown itself. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

describe('E7: soft-failed sticky events', () => {
  test('come out, once, when the state lets them, as news at a place of its own', async () => {
    const kick = far.after(joined, far.member(BOB, 'leave', far.creator));
    const seat = far.after(joined, far.sticky(BOB, 'seat'));
    expect(await outcomes(kick)).toEqual(['accepted']);
    expect(await outcomes(seat)).toEqual(['soft-failed']);
    expect(await due()).toEqual([]);
    const published: string[] = [];
    const unfollow = storage.stream.follow((changes) => {
      for (const change of changes) if (change.kind === 'event') published.push(change.type);
    });
    const back = far.after(kick, far.member(BOB, 'join'));
    expect(await outcomes(back)).toEqual(['accepted']);
    await until(async () => (await due()).length > 0);
    await receive(far.after(back, far.state('m.room.name', '', { name: 'another change' })));
    await rooms.stop();
    unfollow();
    expect(await due()).toEqual([seat.pdu.eventId]);
    expect(await timeline()).toEqual(expect.arrayContaining([seat.pdu.eventId]));
    expect(published).toEqual(['m.room.member', 'org.example.seat', 'm.room.name']);
  });

  test('stay away while nothing changes for them, and after they have expired', async () => {
    const kick = far.after(joined, far.member(BOB, 'leave', far.creator));
    const seat = far.after(joined, far.sticky(BOB, 'seat', 60_000));
    await receive(kick, seat);
    await receive(far.after(kick, far.state('m.room.name', '', { name: 'beside the point' })));
    await rooms.stop();
    expect(await due()).toEqual([]);
    rooms.world.advance(60_001);
    await receive(far.after(kick, far.member(BOB, 'join')));
    await rooms.stop();
    expect(await timeline()).not.toContain(seat.pdu.eventId);
  });

  test('are looked at after a restart, too', async () => {
    const kick = far.after(joined, far.member(BOB, 'leave', far.creator));
    const seat = far.after(joined, far.sticky(BOB, 'seat'));
    await receive(kick, seat);
    await rooms.stop();
    rooms = startRooms(3);
    await rooms.start();
    await receive(far.after(kick, far.member(BOB, 'join')));
    await until(async () => (await due()).length > 0);
    expect(await due()).toEqual([seat.pdu.eventId]);
  });

  test('A5: what a policy server refused never comes out', async () => {
    const seat = far.after(joined, far.sticky(BOB, 'seat'));
    const refused = { ...seat.received, refusedBecause: 'The policy server said no.' };
    expect(await rooms.receiver.receive(far.roomId, [refused])).toMatchObject([{ outcome: 'soft-failed' }]);
    await receive(far.after(joined, far.state('m.room.name', '', { name: 'changed' })));
    await rooms.stop();
    expect(await due()).toEqual([]);
    expect(await timeline()).not.toContain(seat.pdu.eventId);
  });
});

describe('E5: sticky events that come too fast', () => {
  const FLOOD = 1_050;

  async function flood(): Promise<Branch[]> {
    let last = joined;
    const all = Array.from({ length: FLOOD }, (_, index) => {
      last = far.after(last, far.sticky(BOB, `${index}`));
      return last;
    });
    for (let start = 0; start < all.length; start += 50) await receive(...all.slice(start, start + 50));
    return all;
  }

  test('are kept at once and shown at the allowed rate, in order, each once', async () => {
    const all = await flood();
    const atOnce = (await due()).length;
    expect(atOnce).toBeGreaterThanOrEqual(1_000);
    expect(atOnce).toBeLessThan(FLOOD);
    for (let passed = 0; (await due()).length < FLOOD && passed < 20; passed++) {
      rooms.world.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(async () => (await due()).length === FLOOD);
    expect(await due()).toEqual(all.map(({ pdu }) => pdu.eventId));
    expect(await timeline()).toHaveLength(FLOOD + 1);
  });

  test('wait no longer after a restart than it takes to show them', async () => {
    const all = await flood();
    await rooms.stop();
    rooms = startRooms(4);
    await rooms.start();
    rooms.world.advance(200);
    await until(async () => (await due()).length === FLOOD);
    expect(await due()).toEqual(all.map(({ pdu }) => pdu.eventId));
  });
});

describe('beside what this server sends itself', () => {
  test('events of others come in while ours are on their way to the disk', async () => {
    let last = joined;
    const work: Promise<unknown>[] = [];
    for (let round = 0; round < 20; round++) {
      const content = { topic: `${round}` };
      const ours = { sender: { userId: far.creator }, roomId: far.roomId, type: 'm.room.topic', stateKey: '', content };
      work.push(rooms.say(far.roomId, ALICE, `ours ${round}`));
      work.push(rooms.sending.setState({ ...ours, sender: { userId: ALICE } }).catch(() => undefined));
      last = far.after(last, far.say(BOB, `theirs ${round}`));
      work.push(receive(last));
      const member = far.after(last, far.member(`@user${round}:near`, 'join'));
      work.push(receive(member));
      last = member;
    }
    await Promise.all(work);
    const messages = (await timeline()).length;
    expect(messages).toBe(1 + 20 + 40);
    expect((await rooms.memberships.counts(await record())).joined).toBe(4 + 20);
  });

  test('a member who left a moment ago is gone for what comes next', async () => {
    const leave = far.after(joined, far.member(BOB, 'leave'));
    const after = far.after(leave, far.say(CAROL, 'bye'));
    const [, , late] = await Promise.all([
      receive(leave),
      rooms.say(far.roomId, ALICE, 'ours'),
      receive(after, far.after(after, far.say(BOB, 'not any more'))),
    ]);
    expect(late.map(({ outcome }) => outcome)).toEqual(['accepted', 'rejected']);
  });

  test('where nobody of ours may speak, more ends than one event can name hold up nobody', async () => {
    const levels = { users: { [far.creator]: 100 }, events_default: 50, invite: 0 };
    const quiet = far.after(joined, far.state('m.room.power_levels', '', levels));
    const ends = Array.from({ length: 30 }, (_, index) => far.after(quiet, far.say(far.creator, `${index}`)));
    await receive(quiet, ...ends);
    await rooms.membershipChanges.leave({ roomId: far.roomId, userId: ALICE });
    expect(await membership(ALICE)).toBe('leave');
  });
});
