import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Branch, ForkedRoom } from '../../../../tests/support/forked-room.ts';
import { ALICE, BOB, CAROL, JoinedRoom } from '../../../../tests/support/joined-room.ts';
import { selectDueStickyEvents } from '../../../storage/queries/sticky-events.ts';

/** What clients are shown later than it came, elsewhere, or never: soft-failed, held back, of the past. */

let here: JoinedRoom;

beforeEach(async () => {
  here = await JoinedRoom.open();
});

afterEach(async () => {
  await here.close();
});

/** Until what is done in the background has shown itself. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

describe('what others push of the time before this server came', () => {
  /** A room with a seat taken before alice here.joined, and all that led there. */
  async function enterLate(): Promise<{ room: ForkedRoom; past: Branch[]; seat: Branch; join: Branch }> {
    const room = new ForkedRoom(here.far.nowMs, '10', '!late:far');
    const bob = room.after(room.start, room.member(BOB, 'join'));
    const hello = room.after(bob, room.say(BOB, 'hello'));
    const seat = room.after(hello, room.sticky(BOB, 'seat'));
    const join = room.after(seat, room.member(ALICE, 'join'));
    await here.rooms.receiver.enter(room.entry(seat, join));
    return { room, past: [bob, hello, seat], seat, join };
  }

  test('C6: takes its place before the join, is no end of the graph, and sticks', async () => {
    const { room, seat, join } = await enterLate();
    const outcome = await here.rooms.receiver.receive(
      room.roomId,
      room.all.filter(({ pdu }) => pdu !== join.pdu),
    );
    expect(new Set(outcome.map((one) => one.outcome))).toEqual(new Set(['accepted']));
    const record = await here.rooms.events.room(room.roomId);
    if (record === undefined) throw new Error('The room is not there');
    const range = { room: record, after: Number.MIN_SAFE_INTEGER, before: Number.MAX_SAFE_INTEGER, limit: 100 };
    const all = await here.rooms.events.forwards(range);
    expect(all.map(({ pdu }) => pdu.eventId)).toEqual(room.all.map(({ pdu }) => pdu.eventId));
    expect(await here.rooms.events.roomIndexAt(record, here.storage.stream.current())).toBe(1);
    const rows = await here.storage.read(selectDueStickyEvents, {
      ...{ roomNid: record.nid, writer: 1, after: 0, upTo: Number.MAX_SAFE_INTEGER },
      ...{ nowMs: here.rooms.world.clock.nowMs(), limit: 10 },
    });
    const due = await here.rooms.events.byNids(rows.map((row) => row.event_nid));
    expect([...due.values()].map(({ pdu }) => pdu.eventId)).toEqual([seat.pdu.eventId]);
    let found: string[] = [];
    await here.rooms.writer.changeForked(room.roomId, ({ room: loaded }) => {
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
    await here.rooms.receiver.receive(
      room.roomId,
      room.all.filter(({ pdu }) => pdu !== join.pdu),
    );
    const event = (await here.rooms.events.byIds([apart.pdu.eventId])).get(apart.pdu.eventId);
    expect(event?.place?.roomIndex).toBe(2);
  });
});

describe('E7: soft-failed sticky events', () => {
  test('come out, once, when the state lets them, as news at a place of its own', async () => {
    const kick = here.far.after(here.joined, here.far.member(BOB, 'leave', here.far.creator));
    const seat = here.far.after(here.joined, here.far.sticky(BOB, 'seat'));
    expect(await here.outcomes(kick)).toEqual(['accepted']);
    expect(await here.outcomes(seat)).toEqual(['soft-failed']);
    expect(await here.due()).toEqual([]);
    const published: string[] = [];
    const unfollow = here.storage.stream.follow((changes) => {
      for (const change of changes) if (change.kind === 'event') published.push(change.type);
    });
    const back = here.far.after(kick, here.far.member(BOB, 'join'));
    expect(await here.outcomes(back)).toEqual(['accepted']);
    await until(async () => (await here.due()).length > 0);
    await here.receive(here.far.after(back, here.far.state('m.room.name', '', { name: 'another change' })));
    await here.rooms.stop();
    unfollow();
    expect(await here.due()).toEqual([seat.pdu.eventId]);
    expect(await here.timeline()).toEqual(expect.arrayContaining([seat.pdu.eventId]));
    expect(published).toEqual(['m.room.member', 'org.example.seat', 'm.room.name']);
  });

  test('stay away while nothing changes for them, and after they have expired', async () => {
    const kick = here.far.after(here.joined, here.far.member(BOB, 'leave', here.far.creator));
    const seat = here.far.after(here.joined, here.far.sticky(BOB, 'seat', 60_000));
    await here.receive(kick, seat);
    await here.receive(here.far.after(kick, here.far.state('m.room.name', '', { name: 'beside the point' })));
    await here.rooms.stop();
    expect(await here.due()).toEqual([]);
    here.rooms.world.advance(60_001);
    await here.receive(here.far.after(kick, here.far.member(BOB, 'join')));
    await here.rooms.stop();
    expect(await here.timeline()).not.toContain(seat.pdu.eventId);
  });

  test('are looked at after a restart, too', async () => {
    const kick = here.far.after(here.joined, here.far.member(BOB, 'leave', here.far.creator));
    const seat = here.far.after(here.joined, here.far.sticky(BOB, 'seat'));
    await here.receive(kick, seat);
    await here.restart(3);
    await here.rooms.start();
    await here.receive(here.far.after(kick, here.far.member(BOB, 'join')));
    await until(async () => (await here.due()).length > 0);
    expect(await here.due()).toEqual([seat.pdu.eventId]);
  });

  test('A5: what a policy server refused never comes out', async () => {
    const seat = here.far.after(here.joined, here.far.sticky(BOB, 'seat'));
    const refused = { ...seat.received, refusedBecause: 'The policy server said no.' };
    expect(await here.rooms.receiver.receive(here.far.roomId, [refused])).toMatchObject([{ outcome: 'soft-failed' }]);
    await here.receive(here.far.after(here.joined, here.far.state('m.room.name', '', { name: 'changed' })));
    await here.rooms.stop();
    expect(await here.due()).toEqual([]);
    expect(await here.timeline()).not.toContain(seat.pdu.eventId);
  });
});

describe('E5: sticky events that come too fast', () => {
  const FLOOD = 1_050;

  async function flood(): Promise<Branch[]> {
    let last = here.joined;
    const all = Array.from({ length: FLOOD }, (_, index) => {
      last = here.far.after(last, here.far.sticky(BOB, `${index}`));
      return last;
    });
    for (let start = 0; start < all.length; start += 50) await here.receive(...all.slice(start, start + 50));
    return all;
  }

  test('are kept at once and shown at the allowed rate, in order, each once', async () => {
    const all = await flood();
    const atOnce = (await here.due()).length;
    expect(atOnce).toBeGreaterThanOrEqual(1_000);
    expect(atOnce).toBeLessThan(FLOOD);
    for (let passed = 0; (await here.due()).length < FLOOD && passed < 20; passed++) {
      here.rooms.world.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(async () => (await here.due()).length === FLOOD);
    expect(await here.due()).toEqual(all.map(({ pdu }) => pdu.eventId));
    expect(await here.timeline()).toHaveLength(FLOOD + 1);
  });

  test('wait no longer after a restart than it takes to show them', async () => {
    const all = await flood();
    await here.restart(4);
    await here.rooms.start();
    here.rooms.world.advance(200);
    await until(async () => (await here.due()).length === FLOOD);
    expect(await here.due()).toEqual(all.map(({ pdu }) => pdu.eventId));
  });
});

describe('beside what this server sends itself', () => {
  test('events of others come in while ours are on their way to the disk', async () => {
    let last = here.joined;
    const work: Promise<unknown>[] = [];
    for (let round = 0; round < 20; round++) {
      const content = { topic: `${round}` };
      const ours = {
        sender: { userId: here.far.creator },
        roomId: here.far.roomId,
        type: 'm.room.topic',
        stateKey: '',
        content,
      };
      work.push(here.rooms.say(here.far.roomId, ALICE, `ours ${round}`));
      work.push(here.rooms.sending.setState({ ...ours, sender: { userId: ALICE } }).catch(() => undefined));
      last = here.far.after(last, here.far.say(BOB, `theirs ${round}`));
      work.push(here.receive(last));
      const member = here.far.after(last, here.far.member(`@user${round}:near`, 'join'));
      work.push(here.receive(member));
      last = member;
    }
    await Promise.all(work);
    const messages = (await here.timeline()).length;
    expect(messages).toBe(1 + 20 + 40);
    expect((await here.rooms.memberships.counts(await here.record())).joined).toBe(4 + 20);
  });

  test('a member who left a moment ago is gone for what comes next', async () => {
    const leave = here.far.after(here.joined, here.far.member(BOB, 'leave'));
    const after = here.far.after(leave, here.far.say(CAROL, 'bye'));
    const [, , late] = await Promise.all([
      here.receive(leave),
      here.rooms.say(here.far.roomId, ALICE, 'ours'),
      here.receive(after, here.far.after(after, here.far.say(BOB, 'not any more'))),
    ]);
    expect(late.map(({ outcome }) => outcome)).toEqual(['accepted', 'rejected']);
  });

  test('where nobody of ours may speak, more ends than one event can name hold up nobody', async () => {
    const levels = { users: { [here.far.creator]: 100 }, events_default: 50, invite: 0 };
    const quiet = here.far.after(here.joined, here.far.state('m.room.power_levels', '', levels));
    const ends = Array.from({ length: 30 }, (_, index) =>
      here.far.after(quiet, here.far.say(here.far.creator, `${index}`)),
    );
    await here.receive(quiet, ...ends);
    await here.rooms.membershipChanges.leave({ roomId: here.far.roomId, userId: ALICE });
    expect(await here.membership(ALICE)).toBe('leave');
  });
});
