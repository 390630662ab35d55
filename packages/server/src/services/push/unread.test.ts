import { powerLevelsOf } from '@limpet/protocol/authorization/power-levels';
import { parseServerName } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { createTestRooms, type TestRooms } from '../../../tests/support/test-rooms.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { upsertAccountData } from '../../storage/queries/account-data.ts';
import { defineStatement } from '../../storage/statement.ts';
import type { Storage } from '../../storage/storage.ts';
import type { AccountDataReader } from '../accounts/account-data-reader.ts';
import { Receipts } from '../ephemeral/receipts.ts';
import { EventStore } from '../rooms/event-store.ts';
import { Memberships } from '../rooms/memberships.ts';
import type { Projection } from '../rooms/projection.ts';
import { MAX_COUNTED } from './count-unread.ts';
import { compilePushRules, evaluatePushRules } from './evaluate-push-rules.ts';
import { createPush, type Push } from './push.ts';
import { PushEvent } from './push-event.ts';
import { outcomeOf, type PushOutcome, SILENT } from './push-rule.ts';
import type { UnreadCounts } from './unread-reader.ts';

const ALICE = '@alice:test';
const BOB = '@bob:test';
const CAROL = '@carol:test';
const DAVE = '@dave:test';
const USERS = [ALICE, BOB, CAROL, DAVE];

const NO_ACCOUNT_DATA: AccountDataReader = { changed: async () => [], ignoredUsers: async () => new Set() };

function pushOver(storage: Storage, events = new EventStore(storage), memberships = new Memberships(storage)): Push {
  const serverName = parseServerName('test');
  return createPush({ storage, serverName, accountData: NO_ACCOUNT_DATA, events, memberships });
}

/** One room, written with the projection; its counter has seen everything since it was opened. */
class World {
  readonly storage: Storage;
  readonly rooms: TestRooms;
  readonly push: Push;
  readonly receipts: Receipts;
  readonly roomId: string;

  static async open(): Promise<World> {
    const storage = await openTestStorage();
    const later: { projection?: Projection } = {};
    const projection: Projection = {
      prepare: async (room) => later.projection?.prepare?.(room),
      project: (transaction, event, room) => later.projection?.project(transaction, event, room),
    };
    const rooms = createTestRooms(storage, { projections: [projection] });
    const push = pushOver(storage, rooms.events, rooms.memberships);
    later.projection = push.projection;
    const roomId = await rooms.make();
    return new World(storage, rooms, push, roomId);
  }

  private constructor(storage: Storage, rooms: TestRooms, push: Push, roomId: string) {
    this.storage = storage;
    this.rooms = rooms;
    this.push = push;
    this.roomId = roomId;
    const { clock, timers } = rooms.world;
    this.receipts = new Receipts(storage, { clock, timers, random: seededRandom(3), log: silentLog });
  }

  async room() {
    const room = await this.rooms.events.room(this.roomId);
    if (room === undefined) throw new Error('The room is gone');
    return room;
  }

  async counts(userId: string, push = this.push): Promise<UnreadCounts> {
    return push.unread.counts(await this.room(), userId);
  }

  /** notifications and highlights. */
  async unread(userId: string): Promise<[number, number]> {
    const { all } = await this.counts(userId);
    return [all.notifications, all.highlights];
  }

  join(...userIds: string[]) {
    return Promise.all(userIds.map((userId) => this.rooms.membershipChanges.join({ roomId: this.roomId, userId })));
  }

  send(userId: string, content: JsonObject, type = 'm.room.message'): Promise<string> {
    return this.rooms.sending.sendEvent({ sender: { userId }, roomId: this.roomId, type, content });
  }

  say(userId: string, body: string, more: JsonObject = {}): Promise<string> {
    return this.send(userId, { msgtype: 'm.text', body, ...more });
  }

  redact(userId: string, eventId: string): Promise<string> {
    return this.rooms.sending.redact({ sender: { userId }, roomId: this.roomId, eventId, content: {} });
  }

  async indexOf(eventId: string): Promise<number> {
    return (await this.rooms.events.byIds([eventId])).get(eventId)?.place?.roomIndex ?? 0;
  }

  async read(userId: string, eventId: string, threadId?: string, receiptType: 'm.read' | 'm.read.private' = 'm.read') {
    const roomIndex = await this.indexOf(eventId);
    await this.receipts.set({ room: await this.room(), userId, receiptType, threadId, eventId, roomIndex });
  }

  async ignore(userId: string, ...ignored: string[]) {
    const contentJson = JSON.stringify({ ignored_users: Object.fromEntries(ignored.map((one) => [one, {}])) });
    const type = 'm.ignored_user_list';
    await this.storage.write((transaction) => {
      const position = transaction.publish({ kind: 'account-data', userId, roomId: undefined, type });
      const { writer } = transaction;
      transaction.run(upsertAccountData, { userId, roomId: '', type, contentJson, writer, position });
    });
  }

  muteRoom(userId: string) {
    const { roomId } = this;
    const rule = { kind: 'room', ruleId: roomId, actions: [], conditions: undefined, pattern: undefined } as const;
    return this.push.rules.put(userId, { ...rule, before: undefined, after: undefined });
  }

  keyword(userId: string, pattern: string) {
    const actions = ['notify', { set_tweak: 'highlight' }];
    const rule = { kind: 'content', ruleId: pattern, actions, conditions: undefined, pattern } as const;
    return this.push.rules.put(userId, { ...rule, before: undefined, after: undefined });
  }
}

let worlds: World[] = [];

async function open(...joined: string[]): Promise<World> {
  const world = await World.open();
  worlds.push(world);
  await world.join(...joined);
  return world;
}

afterEach(async () => {
  await Promise.all(worlds.map((world) => world.storage.close()));
  worlds = [];
});

const countEvents = defineStatement<Record<string, never>, { count: number }>(
  'select count(*) as count from unread_events',
);
const countExceptions = defineStatement<Record<string, never>, { count: number }>(
  'select count(*) as count from unread_exceptions',
);

async function rowsOf({ storage }: World): Promise<[number, number]> {
  const [events] = await storage.read(countEvents, {});
  const [exceptions] = await storage.read(countExceptions, {});
  return [events?.count ?? 0, exceptions?.count ?? 0];
}

describe('unread counts', () => {
  test('an ordinary message is one row, and one unread event for all but its sender', async () => {
    const world = await open(BOB, CAROL, DAVE);
    await world.say(ALICE, 'hello');
    expect(await rowsOf(world)).toEqual([1, 0]);
    expect(await Promise.all(USERS.map((userId) => world.unread(userId)))).toEqual([
      [0, 0],
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
  });

  test('who joins has read what was there before; who is not joined has nothing to read', async () => {
    const world = await open(BOB, CAROL);
    await world.say(ALICE, 'hello');
    expect(await world.unread(DAVE)).toEqual([0, 0]);
    await world.join(DAVE);
    expect(await world.unread(DAVE)).toEqual([0, 0]);
    await world.say(ALICE, 'hello again');
    expect(await world.unread(DAVE)).toEqual([1, 0]);
    expect(await world.unread(BOB)).toEqual([2, 0]);
    await world.rooms.membershipChanges.leave({ roomId: world.roomId, userId: DAVE });
    expect(await world.unread(DAVE)).toEqual([0, 0]);
  });

  test('names make highlights: by mention, by display name, by localpart', async () => {
    const world = await open(BOB, CAROL);
    await world.say(ALICE, 'hi', { 'm.mentions': { user_ids: [BOB, BOB, '@who:elsewhere', 7] } });
    expect([await world.unread(BOB), await world.unread(CAROL)]).toEqual([
      [1, 1],
      [1, 0],
    ]);
    await world.say(ALICE, 'Bob and CAROL: hi');
    expect([await world.unread(BOB), await world.unread(CAROL)]).toEqual([
      [2, 2],
      [2, 1],
    ]);
    await world.say(ALICE, 'bob', { 'm.mentions': {} });
    expect([await world.unread(BOB), await world.unread(CAROL)]).toEqual([
      [3, 2],
      [3, 1],
    ]);
    expect(await rowsOf(world)).toEqual([3, 3]);
    const content = { membership: 'join', displayname: 'The Builder' };
    const { roomId } = world;
    await world.rooms.sending.setState({
      sender: { userId: BOB },
      roomId,
      type: 'm.room.member',
      stateKey: BOB,
      content,
    });
    await world.say(ALICE, 'ask the builder');
    expect(await world.unread(BOB)).toEqual([4, 3]);
  });

  test('@room by whoever may, in one row for all', async () => {
    const world = await open(BOB, CAROL);
    await world.say(ALICE, 'listen', { 'm.mentions': { room: true } });
    await world.say(BOB, 'listen', { 'm.mentions': { room: true } });
    expect(await world.unread(CAROL)).toEqual([2, 1]);
    expect(await rowsOf(world)).toEqual([2, 0]);
  });

  test('reactions, edits, notices and members notify nobody', async () => {
    const world = await open(BOB);
    const eventId = await world.say(ALICE, 'hello');
    await world.send(
      ALICE,
      { 'm.relates_to': { rel_type: 'm.annotation', event_id: eventId, key: '👍' } },
      'm.reaction',
    );
    await world.say(ALICE, '* hi', { 'm.relates_to': { rel_type: 'm.replace', event_id: eventId } });
    await world.send(ALICE, { msgtype: 'm.notice', body: 'beep' });
    await world.join(CAROL);
    expect(await rowsOf(world)).toEqual([1, 0]);
    expect(await world.unread(BOB)).toEqual([1, 0]);
  });

  test('receipts: public or private, whichever is ahead, of the room or of a thread', async () => {
    const world = await open(BOB);
    const first = await world.say(ALICE, 'one');
    const second = await world.say(ALICE, 'two');
    const inThread = await world.say(ALICE, 'three', { 'm.relates_to': { rel_type: 'm.thread', event_id: first } });
    const related = await world.send(
      ALICE,
      { 'm.relates_to': { rel_type: 'm.reference', event_id: inThread } },
      'm.room.encrypted',
    );
    expect((await world.counts(BOB)).threads).toEqual({ [first]: { notifications: 2, highlights: 0 } });
    expect((await world.counts(BOB)).main.notifications).toBe(2);
    await world.read(BOB, first, undefined, 'm.read.private');
    expect(await world.unread(BOB)).toEqual([3, 0]);
    await world.read(BOB, second, 'main');
    expect((await world.counts(BOB)).main.notifications).toBe(0);
    expect(await world.unread(BOB)).toEqual([2, 0]);
    await world.read(BOB, related, first);
    expect(await world.counts(BOB)).toMatchObject({ all: { notifications: 0 }, threads: {} });
  });

  test('own rules: a muted room, a keyword, somebody ignored', async () => {
    const world = await open(BOB, CAROL, DAVE);
    await world.say(ALICE, 'before');
    await world.muteRoom(BOB);
    await world.keyword(CAROL, 'cake');
    await world.ignore(DAVE, ALICE);
    await world.say(ALICE, 'there is cake');
    expect(await Promise.all([BOB, CAROL, DAVE].map((userId) => world.unread(userId)))).toEqual([
      [1, 0],
      [2, 1],
      [1, 0],
    ]);
    await world.say(ALICE, 'bob!');
    expect(await world.unread(BOB)).toEqual([2, 1]);
    await world.push.rules.remove({ userId: BOB, kind: 'room', ruleId: world.roomId });
    await world.say(ALICE, 'after');
    expect(await world.unread(BOB)).toEqual([3, 1]);
  });

  test('a redacted event counts no more, for those it mentioned either', async () => {
    const world = await open(BOB, CAROL);
    const eventId = await world.say(ALICE, 'bob!');
    await world.say(ALICE, 'hello');
    expect([await world.unread(BOB), await world.unread(CAROL)]).toEqual([
      [2, 1],
      [2, 0],
    ]);
    await world.redact(ALICE, eventId);
    expect([await world.unread(BOB), await world.unread(CAROL)]).toEqual([
      [1, 0],
      [1, 0],
    ]);
    expect(await rowsOf(world)).toEqual([1, 0]);
  });

  test('a thousand readers of a message read no table', async () => {
    const world = await open(BOB, CAROL, DAVE);
    await world.say(ALICE, 'one');
    for (const userId of USERS) await world.counts(userId);
    const { reads } = world.storage.tally;
    await world.say(ALICE, 'two, carol');
    const unread = await Promise.all(USERS.map((userId) => world.unread(userId)));
    expect(unread).toEqual([
      [0, 0],
      [2, 0],
      [2, 1],
      [2, 0],
    ]);
    expect(world.storage.tally.reads - reads).toBe(0);
  });

  test('rows that count no more are removed, a little at a time', async () => {
    const world = await open(BOB);
    await world.muteRoom(BOB);
    for (let sent = 0; sent < MAX_COUNTED + 512; sent++) await world.say(ALICE, 'hello');
    const [events, exceptions] = await rowsOf(world);
    expect(events).toBeLessThan(MAX_COUNTED + 256);
    expect(events).toBeGreaterThanOrEqual(MAX_COUNTED);
    expect(exceptions).toBe(events);
  });
});

type Step =
  | { kind: 'say'; by: number; body: string; relation: 'none' | 'thread' | 'reference'; to: number; mention: number }
  | { kind: 'read'; by: number; event: number; thread: 'room' | 'main' | 'root'; isPrivate: boolean }
  | { kind: 'redact'; event: number }
  | { kind: 'leave' | 'join' | 'mute' | 'keyword' | 'ask'; by: number }
  | { kind: 'ignore'; by: number; whom: number };

const user = fc.nat(USERS.length - 1);
const other = fc.integer({ min: 1, max: USERS.length - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('say' as const),
      by: user,
      body: fc.constantFrom('hello', 'cake', 'dave: cake', '@room bob', 'alice and carol'),
      relation: fc.constantFrom('none' as const, 'none' as const, 'thread' as const, 'reference' as const),
      to: fc.nat(20),
      mention: fc.integer({ min: -4, max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      by: user,
      event: fc.nat(20),
      thread: fc.constantFrom('room' as const, 'main' as const, 'root' as const),
      isPrivate: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('redact' as const), event: fc.nat(20) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('leave' as const, 'join' as const, 'mute' as const, 'keyword' as const, 'ask' as const),
      by: other,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('ignore' as const), by: other, whom: user }) },
);

interface Said {
  readonly eventId: string;
  readonly roomIndex: number;
  readonly threadId: string;
  readonly outcomes: ReadonlyMap<string, PushOutcome>;
  isRedacted: boolean;
}

/** Knows for each event and each user what it should be, and counts from the start each time. */
class Model {
  readonly world: World;
  readonly said: Said[] = [];
  readonly joinedAt = new Map<string, number>();
  readonly ignored = new Map<string, string>();
  readonly read = new Map<string, Map<string, number>>();

  constructor(world: World) {
    this.world = world;
  }

  async perform(step: Step): Promise<void> {
    const { world } = this;
    if (step.kind === 'say') return this.#say(step);
    if (step.kind === 'redact') {
      const target = this.said[step.event];
      if (target === undefined || target.isRedacted) return;
      await world.redact(ALICE, target.eventId);
      target.isRedacted = true;
      return;
    }
    const userId = USERS[step.by] ?? ALICE;
    const isJoined = this.joinedAt.has(userId);
    if (step.kind === 'ask') {
      expect(await world.counts(userId)).toEqual(this.counts(userId));
    } else if (step.kind === 'join' && !isJoined) {
      await this.join(userId);
    } else if (step.kind === 'leave' && isJoined) {
      await world.rooms.membershipChanges.leave({ roomId: world.roomId, userId });
      this.joinedAt.delete(userId);
    } else if (step.kind === 'mute') {
      await world.muteRoom(userId);
    } else if (step.kind === 'keyword') {
      await world.keyword(userId, 'cake');
    } else if (step.kind === 'ignore') {
      const whom = USERS[step.whom] ?? ALICE;
      if (whom === userId) return;
      await world.ignore(userId, whom);
      this.ignored.set(userId, whom);
    } else if (step.kind === 'read') {
      await this.#read(step, userId);
    }
  }

  async join(userId: string): Promise<void> {
    const { rooms, roomId } = this.world;
    await this.world.join(userId);
    const member = await rooms.state.current(await this.world.room(), 'm.room.member', userId);
    this.joinedAt.set(userId, member?.place?.roomIndex ?? 0);
    expect(member?.pdu.content.membership, roomId).toBe('join');
  }

  async #read(step: Step & { kind: 'read' }, userId: string): Promise<void> {
    const event = this.said[step.event];
    if (event === undefined) return;
    const thread = step.thread === 'room' ? undefined : step.thread === 'main' ? 'main' : event.threadId || 'main';
    await this.world.read(userId, event.eventId, thread, step.isPrivate ? 'm.read.private' : 'm.read');
    const read = this.read.get(userId) ?? new Map<string, number>();
    this.read.set(userId, read);
    read.set(thread ?? 'room', Math.max(read.get(thread ?? 'room') ?? 0, event.roomIndex));
  }

  async #say({ by, body, relation, to, mention }: Step & { kind: 'say' }): Promise<void> {
    const sender = USERS[by] ?? ALICE;
    if (!this.joinedAt.has(sender)) return;
    const target = relation === 'none' ? undefined : this.said[to];
    const parent = target?.isRedacted ? undefined : target;
    const rel = relation === 'thread' ? 'm.thread' : 'm.reference';
    const content: JsonObject = { msgtype: 'm.text', body };
    if (parent !== undefined) content['m.relates_to'] = { rel_type: rel, event_id: parent.eventId };
    if (mention >= 0) content['m.mentions'] = { user_ids: [USERS[mention] ?? ALICE], room: mention === 0 };
    const outcomes = await this.#judge(sender, content);
    const eventId = await this.world.send(sender, content);
    const threadId = parent === undefined ? '' : relation === 'thread' ? parent.eventId : parent.threadId;
    const roomIndex = await this.world.indexOf(eventId);
    this.said.push({ eventId, roomIndex, threadId, outcomes, isRedacted: false });
  }

  async #judge(sender: string, content: JsonObject): Promise<Map<string, PushOutcome>> {
    const { rooms, push, roomId } = this.world;
    const room = await this.world.room();
    const state = new Map(
      (await rooms.state.currentAll(room)).map(({ pdu }) => [`${pdu.type}\0${pdu.stateKey ?? ''}`, pdu]),
    );
    const event = new PushEvent({ type: 'm.room.message', sender, room_id: roomId, content });
    const outcomes = new Map<string, PushOutcome>();
    for (const userId of this.joinedAt.keys()) {
      if (userId === sender) continue;
      const rules = compilePushRules(await push.rules.ruleset(userId));
      const displayName = userId.slice(1, userId.indexOf(':'));
      const place = { memberCount: this.joinedAt.size, powerLevels: powerLevelsOf(state, room.version) };
      const outcome = outcomeOf(evaluatePushRules(rules, event, { ...place, displayName }));
      outcomes.set(userId, this.ignored.get(userId) === sender ? SILENT : outcome);
    }
    return outcomes;
  }

  counts(userId: string): UnreadCounts {
    const all = { notifications: 0, highlights: 0 };
    const main = { notifications: 0, highlights: 0 };
    const threads: Record<string, { notifications: number; highlights: number }> = {};
    const joinedAt = this.joinedAt.get(userId);
    const read = this.read.get(userId);
    for (const { roomIndex, threadId, outcomes, isRedacted } of joinedAt === undefined ? [] : this.said) {
      const readTo = Math.max(joinedAt ?? 0, read?.get('room') ?? 0, read?.get(threadId || 'main') ?? 0);
      const outcome = outcomes.get(userId);
      if (isRedacted || roomIndex <= readTo || outcome === undefined || !outcome.notifies) continue;
      threads[threadId] ??= { notifications: 0, highlights: 0 };
      for (const count of [all, threadId === '' ? main : threads[threadId]]) {
        count.notifications++;
        if (outcome.highlights) count.highlights++;
      }
    }
    delete threads[''];
    return { all, main, threads };
  }
}

test('what is counted from memory, from the tables and from scratch is the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const world = await open();
      const model = new Model(world);
      model.joinedAt.set(ALICE, 2);
      await model.join(BOB);
      await model.join(CAROL);
      for (const one of steps) await model.perform(one);
      const fresh = pushOver(world.storage);
      for (const userId of USERS) {
        expect(await world.counts(userId), userId).toEqual(model.counts(userId));
        expect(await world.counts(userId, fresh), userId).toEqual(model.counts(userId));
      }
      await world.storage.close();
      worlds = [];
    }),
    { numRuns: 60 },
  );
});

test('counts asked for while events are published miss nothing', async () => {
  const world = await open(BOB, CAROL);
  const fresh = pushOver(world.storage);
  const asked: Promise<UnreadCounts>[] = [];
  for (let sent = 0; sent < 50; sent++) {
    const saying = world.say(ALICE, sent % 3 === 0 ? 'bob' : 'hello');
    asked.push(world.counts(BOB, sent % 10 === 0 ? pushOver(world.storage) : fresh));
    await saying;
  }
  await Promise.all(asked);
  expect((await world.counts(BOB, fresh)).all).toEqual({ notifications: 50, highlights: 17 });
  expect((await world.counts(BOB)).all).toEqual({ notifications: 50, highlights: 17 });
});
