import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Branch, ForkedRoom } from '../../../../tests/support/forked-room.ts';
import { ALICE, BOB, CAROL, JoinedRoom } from '../../../../tests/support/joined-room.ts';

/** Events of other servers in a room that `@alice:test` has joined over one of them. */

let here: JoinedRoom;

beforeEach(async () => {
  here = await JoinedRoom.open();
});

afterEach(async () => {
  await here.close();
});

function ids(...branches: readonly Branch[]): string[] {
  return branches.map(({ pdu }) => pdu.eventId).sort();
}

describe('a room that was joined over another server', () => {
  test('begins with the join, and has the state of before', async () => {
    expect(await here.timeline()).toEqual([here.joined.pdu.eventId]);
    expect(await here.membership(BOB)).toBe('join');
    expect(await here.membership(ALICE)).toBe('join');
    const counts = await here.rooms.memberships.counts(await here.record());
    expect(counts.joined).toBe(4);
    expect(await here.ends()).toEqual(ids(here.joined));
  });

  test('takes messages of ours on top, and of others', async () => {
    const first = await here.rooms.say(here.far.roomId, ALICE, 'hello');
    const theirs = here.far.after(here.joined, here.far.say(BOB, 'hi'));
    expect(await here.outcomes(theirs)).toEqual(['accepted']);
    expect(await here.timeline()).toEqual([here.joined.pdu.eventId, first, theirs.pdu.eventId]);
    expect(await here.ends()).toEqual([first, theirs.pdu.eventId].sort());
    const second = await here.rooms.say(here.far.roomId, ALICE, 'together');
    const event = (await here.rooms.events.byIds([second])).get(second);
    expect([...(event?.pdu.prevEvents ?? [])].sort()).toEqual([first, theirs.pdu.eventId].sort());
  });

  test('is the same after a restart, forked as it is', async () => {
    const left = here.far.after(here.joined, here.far.state('m.room.topic', '', { topic: 'left' }));
    const right = here.far.after(here.joined, here.far.member('@dave:near', 'join'));
    await here.receive(left, right);
    await here.restart(2);
    expect(await here.ends()).toEqual(ids(left, right));
    const next = await here.rooms.say(here.far.roomId, ALICE, 'on top of both');
    const event = (await here.rooms.events.byIds([next])).get(next);
    const state = await here.rooms.state.snapshot(event?.stateBefore ?? 0);
    const held = await here.rooms.events.byNids([...state.values()]);
    const holding = [...held.values()].map(({ pdu }) => pdu.eventId);
    expect(holding).toEqual(expect.arrayContaining(ids(left, right)));
  });

  test('can be entered again after everybody left, with the state as it is then', async () => {
    await here.rooms.membershipChanges.leave({ roomId: here.far.roomId, userId: ALICE });
    const leave = here.far.after(here.joined, here.far.member(ALICE, 'leave'));
    const gone = here.far.after(leave, here.far.member(BOB, 'leave'));
    const named = here.far.after(gone, here.far.state('m.room.topic', '', { topic: 'later' }));
    const again = here.far.after(named, here.far.member(ALICE, 'join'));
    await here.rooms.receiver.enter(here.far.entry(named, again));
    expect(await here.topic()).toBe('later');
    expect(await here.membership(BOB)).toBe('leave');
    expect(await here.membership(ALICE)).toBe('join');
    expect(await here.ends()).toEqual(ids(again));
    expect(await here.outcomes(here.far.after(again, here.far.say(CAROL, 'welcome back')))).toEqual(['accepted']);
  });

  test('does not begin with a join that the state refuses', async () => {
    const closed = new ForkedRoom(here.far.nowMs, '11', '!other:far');
    const invited = closed.after(closed.start, closed.state('m.room.join_rules', '', { join_rule: 'invite' }));
    const join = closed.after(invited, closed.member(ALICE, 'join'));
    await expect(here.rooms.receiver.enter(closed.entry(invited, join))).rejects.toMatchObject({
      errcode: 'M_FORBIDDEN',
    });
    await expect(here.rooms.say(closed.roomId, ALICE, 'x')).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' });
  });
});

describe('checks on receipt', () => {
  test('what is known is known, and what lacks something says what', async () => {
    const lost = here.far.after(here.joined, here.far.say(BOB, 'lost'));
    const next = here.far.after(lost, here.far.say(BOB, 'next'));
    expect(await here.receive(next)).toEqual([{ outcome: 'missing', authEvents: [], prevEvents: [lost.pdu.eventId] }]);
    expect(await here.outcomes(lost, next)).toEqual(['accepted', 'accepted']);
    expect(await here.outcomes(next)).toEqual(['known']);
    expect(await here.ends()).toEqual(ids(next));
  });

  test('who is not joined is rejected, and what comes after it is judged by itself', async () => {
    const refused = here.far.after(here.joined, here.far.say('@eve:far', 'spam'));
    const next = here.far.after(refused, here.far.say(BOB, 'fine'));
    expect(await here.outcomes(refused, next)).toEqual(['rejected', 'accepted']);
    expect(await here.timeline()).toEqual([here.joined.pdu.eventId, next.pdu.eventId]);
    expect(await here.ends()).toEqual(ids(next));
    expect(await here.outcomes(refused)).toEqual(['known']);
  });

  test('an event of another room is refused by name', async () => {
    const other = new ForkedRoom(here.far.nowMs, '11', '!other:far');
    const [reception] = await here.rooms.receiver.receive(here.far.roomId, [other.start.received]);
    expect(reception).toMatchObject({ outcome: 'rejected' });
  });

  test('soft failure: a message of before the ban that comes after it is kept and not shown', async () => {
    const ban = here.far.after(here.joined, here.far.member(BOB, 'ban', here.far.creator));
    const late = here.far.after(here.joined, here.far.say(BOB, 'still here'));
    const reply = here.far.after(late, here.far.say(CAROL, 'so what'));
    expect(await here.outcomes(ban)).toEqual(['accepted']);
    expect(await here.outcomes(late)).toEqual(['soft-failed']);
    expect(await here.ends()).toEqual(ids(ban));
    expect(await here.outcomes(reply)).toEqual(['accepted']);
    expect(await here.timeline()).toEqual([here.joined, ban, reply].map(({ pdu }) => pdu.eventId));
    // The reply rests on the join through what was refused, and the ban is an end of its own.
    expect(await here.ends()).toEqual(ids(ban, reply));
  });

  test('a depth of 2^63 does not hold up the room', async () => {
    const one = here.far.after(here.joined, here.far.say(BOB, 'deep'));
    const deep = { ...one.received, pdu: { ...one.pdu, depth: 2 ** 63 } };
    const [reception] = await here.rooms.receiver.receive(here.far.roomId, [deep]);
    expect(reception).toEqual({ outcome: 'accepted' });
    await here.rooms.say(here.far.roomId, ALICE, 'goes on');
  });
});

describe('forks', () => {
  test('state of two branches that do not contradict each other is the state of both', async () => {
    const left = here.far.after(here.joined, here.far.state('m.room.topic', '', { topic: 'left' }));
    const right = here.far.after(here.joined, here.far.member('@dave:near', 'join'));
    expect(await here.outcomes(left, right)).toEqual(['accepted', 'accepted']);
    expect(await here.topic()).toBe('left');
    expect(await here.membership('@dave:near')).toBe('join');
  });

  test('a ban wins over what the banned one does on another branch', async () => {
    const levels = { users: { [here.far.creator]: 100, [BOB]: 50 }, invite: 0 };
    const promoted = here.far.after(here.joined, here.far.state('m.room.power_levels', '', levels));
    const ban = here.far.after(promoted, here.far.member(BOB, 'ban', here.far.creator));
    const topicOfBob = here.far.after(promoted, here.far.state('m.room.topic', '', { topic: 'mine' }, BOB));
    expect(await here.outcomes(promoted, topicOfBob)).toEqual(['accepted', 'accepted']);
    expect(await here.topic()).toBe('mine');
    expect(await here.outcomes(ban)).toEqual(['accepted']);
    expect(await here.membership(BOB)).toBe('ban');
    expect(await here.topic()).toBeUndefined();
  });

  test('in whatever order the branches come, the state is the same', async () => {
    const first = here.far.after(here.joined, here.far.state('m.room.topic', '', { topic: 'first' }));
    here.far.nowMs += 1_000;
    const second = here.far.after(here.joined, here.far.state('m.room.topic', '', { topic: 'second' }));
    await here.receive(second);
    await here.receive(first);
    expect(await here.topic()).toBe('second');
    const name = here.far.after([second, first], here.far.state('m.room.name', '', { name: 'joined' }));
    expect(await here.outcomes(name)).toEqual(['accepted']);
    expect(await here.ends()).toEqual(ids(name));
    expect(await here.topic()).toBe('second');
  });

  test('E3: a whole batch is one step of the stream', async () => {
    const steps: number[] = [];
    const unfollow = here.storage.stream.follow((changes) => {
      steps.push(changes.filter(({ kind }) => kind === 'event').length);
    });
    let last = here.joined;
    const batch = Array.from({ length: 50 }, (_, index) => {
      last = here.far.after(last, here.far.say(BOB, `${index}`));
      return last;
    });
    await here.receive(...batch);
    unfollow();
    expect(steps.filter((count) => count > 0)).toEqual([50]);
    expect(await here.timeline()).toEqual([here.joined, ...batch].map(({ pdu }) => pdu.eventId));
  });

  test('E4: above the threshold the ends are brought together', async () => {
    const branches = Array.from({ length: 25 }, (_, index) =>
      here.far.after(here.joined, here.far.say(BOB, `${index}`)),
    );
    await here.receive(...branches);
    await here.rooms.stop();
    expect((await here.ends()).length).toBeLessThanOrEqual(10);
    await here.rooms.say(here.far.roomId, ALICE, 'on top');
    expect(await here.ends()).toHaveLength(1);
  });

  test('who comes first and who goes last of a server is told', async () => {
    const steps: [string, boolean][] = [];
    const unfollow = here.storage.stream.follow((changes) => {
      for (const change of changes) if (change.kind === 'room-server') steps.push([change.serverName, change.isIn]);
    });
    const erin = here.far.after(here.joined, here.far.member('@erin:new', 'join'));
    const second = here.far.after(erin, here.far.member('@frank:new', 'join'));
    const left = here.far.after(second, here.far.member('@erin:new', 'leave'));
    const gone = here.far.after(left, here.far.member('@frank:new', 'leave'));
    await here.receive(erin, second);
    await here.receive(left, gone);
    unfollow();
    expect(steps).toEqual([
      ['new', true],
      ['new', false],
    ]);
  });
});

describe('redactions', () => {
  test('one that comes before its target takes it down when it comes', async () => {
    const message = here.far.after(here.joined, here.far.say(BOB, 'oh no'));
    const redaction = here.far.after(here.joined, {
      sender: BOB,
      type: 'm.room.redaction',
      content: {},
      redacts: message.pdu.eventId,
    });
    expect(await here.outcomes(redaction)).toEqual(['accepted']);
    expect(await here.outcomes(message)).toEqual(['accepted']);
    const event = (await here.rooms.events.byIds([message.pdu.eventId])).get(message.pdu.eventId);
    expect(event?.pdu.content).toEqual({});
    expect(event?.redactedBy).toBeDefined();
  });

  test('both in one batch, whichever is first', async () => {
    const one = here.far.after(here.joined, here.far.say(BOB, 'one'));
    const two = here.far.after(here.joined, here.far.say(BOB, 'two'));
    const redact = (target: Branch) => ({
      sender: BOB,
      type: 'm.room.redaction',
      content: {},
      redacts: target.pdu.eventId,
    });
    await here.receive(here.far.after(here.joined, redact(one)), one, two, here.far.after(two, redact(two)));
    const found = await here.rooms.events.byIds([one.pdu.eventId, two.pdu.eventId]);
    expect([...found.values()].map(({ pdu }) => pdu.content)).toEqual([{}, {}]);
  });
});

describe('history', () => {
  test('comes before the first event, with the state of then', async () => {
    const stateIds = [...here.far.start.state.values()].map(({ eventId }) => eventId);
    const past = here.far.all
      .map((one) => one)
      .filter(({ pdu }) => pdu.depth > here.far.start.pdu.depth && pdu !== here.joined.pdu);
    await here.rooms.receiver.keepHistory(here.far.roomId, past, { stateBefore: stateIds });
    expect(await here.timeline()).toEqual([...past.map(({ pdu }) => pdu.eventId), here.joined.pdu.eventId]);
    const first = (await here.rooms.events.byIds([past[0]?.pdu.eventId ?? ''])).get(past[0]?.pdu.eventId ?? '');
    expect((await here.rooms.state.snapshot(first?.stateBefore ?? 0)).size).toBe(stateIds.length);
    expect(await here.rooms.events.roomIndexAt(await here.record(), here.storage.stream.current())).toBe(1);
  });
});

describe('a gap that is too wide', () => {
  test('is bridged by the state at the event', async () => {
    let last = here.joined;
    for (let index = 0; index < 5; index++)
      last = here.far.after(last, here.far.state('m.room.topic', '', { topic: `${index}` }));
    const event = here.far.after(last, here.far.say(BOB, 'after the gap'));
    const state = [...last.state.values()];
    const room = await here.record();
    expect(await here.rooms.receiver.keepOutliers(room, here.far.all)).toEqual({ leftOut: [] });
    const options = { stateBefore: state.map(({ eventId }) => eventId) };
    expect(await here.rooms.receiver.receive(here.far.roomId, [event.received], options)).toEqual([
      { outcome: 'accepted' },
    ]);
    expect(await here.topic()).toBe('4');
  });

  test('outliers whose auth events are not there are left out by name', async () => {
    const other = new ForkedRoom(here.far.nowMs + 5);
    const member = other.after(other.start, other.member('@zoe:far', 'join'));
    const { leftOut } = await here.rooms.receiver.keepOutliers(await here.record(), [member.received]);
    expect(leftOut).toEqual([member.pdu.eventId]);
  });
});
