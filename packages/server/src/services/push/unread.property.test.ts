import { powerLevelsOf } from '@limpet/protocol/authorization/power-levels';
import type { JsonObject } from '@limpet/protocol/json';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pushOver, TestUnread } from '../../../tests/support/test-unread.ts';
import { compilePushRules, evaluatePushRules } from './evaluate-push-rules.ts';
import { PushEvent } from './push-event.ts';
import { outcomeOf, type PushOutcome, SILENT } from './push-rule.ts';
import type { UnreadCounts } from './unread-reader.ts';

const ALICE = '@alice:test';
const BOB = '@bob:test';
const CAROL = '@carol:test';
const DAVE = '@dave:test';
const USERS = [ALICE, BOB, CAROL, DAVE];

type Relation = 'none' | 'thread' | 'reference';

type Step =
  | { kind: 'say' | 'stick'; by: number; body: string; relation: Relation; to: number; mention: number }
  | { kind: 'react' | 'notice'; by: number; to: number }
  | { kind: 'topic' }
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
      kind: fc.constantFrom('say' as const, 'say' as const, 'say' as const, 'stick' as const),
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
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('topic' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('react' as const, 'notice' as const),
      by: user,
      to: fc.nat(20),
    }),
  },
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
  /** No thread begins there. */
  readonly isRelated: boolean;
  isRedacted: boolean;
}

/** Knows for each event and each user what it should be, and counts from the start each time. */
class Model {
  readonly world: TestUnread;
  readonly said: Said[] = [];
  /** Nobody may send the same one twice. */
  reactions = 0;
  readonly joinedAt = new Map<string, number>();
  readonly ignored = new Map<string, string>();
  readonly read = new Map<string, Map<string, number>>();

  constructor(world: TestUnread) {
    this.world = world;
  }

  async perform(step: Step): Promise<void> {
    const { world } = this;
    if (step.kind === 'say' || step.kind === 'stick') return this.#say(step);
    if (step.kind === 'react' || step.kind === 'notice') return this.#sayQuietly(step);
    if (step.kind === 'redact') return this.#redact(step.event);
    if (step.kind === 'topic') {
      await world.setTopic(ALICE, 'cake');
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
    this.#hasRead(userId, thread ?? 'room', event.roomIndex);
  }

  #hasRead(userId: string, thread: string, roomIndex: number): void {
    const read = this.read.get(userId) ?? new Map<string, number>();
    this.read.set(userId, read);
    read.set(thread, Math.max(read.get(thread) ?? 0, roomIndex));
  }

  async #redact(at: number): Promise<void> {
    const target = this.said[at];
    if (target === undefined || target.isRedacted) return;
    const redactionId = await this.world.redact(ALICE, target.eventId);
    target.isRedacted = true;
    this.#hasRead(ALICE, 'main', await this.world.indexOf(redactionId));
  }

  /** What notifies nobody, and yet shows that its sender was there. */
  async #sayQuietly({ kind, by, to }: Step & { kind: 'react' | 'notice' }): Promise<void> {
    const sender = USERS[by] ?? ALICE;
    const target = this.said[to];
    if (!this.joinedAt.has(sender) || target === undefined || target.isRedacted) return;
    const isReaction = kind === 'react';
    if (!isReaction && target.isRelated) return;
    const relation = { rel_type: isReaction ? 'm.annotation' : 'm.thread', event_id: target.eventId };
    const content = {
      'm.relates_to': isReaction ? { ...relation, key: `x${this.reactions++}` } : relation,
      msgtype: 'm.notice',
    };
    const eventId = await this.world.send(sender, content, isReaction ? 'm.reaction' : 'm.room.message');
    const thread = isReaction ? target.threadId || 'main' : target.eventId;
    this.#hasRead(sender, thread, await this.world.indexOf(eventId));
  }

  async #say({ kind, by, body, relation, to, mention }: Step & { kind: 'say' | 'stick' }): Promise<void> {
    const sender = USERS[by] ?? ALICE;
    if (!this.joinedAt.has(sender)) return;
    const target = relation === 'none' ? undefined : this.said[to];
    const isRefused = target?.isRedacted || (relation === 'thread' && target?.isRelated);
    const parent = isRefused ? undefined : target;
    const rel = relation === 'thread' ? 'm.thread' : 'm.reference';
    const content: JsonObject = { msgtype: 'm.text', body };
    if (parent !== undefined) content['m.relates_to'] = { rel_type: rel, event_id: parent.eventId };
    if (mention >= 0) content['m.mentions'] = { user_ids: [USERS[mention] ?? ALICE], room: mention === 0 };
    const outcomes = await this.#judge(sender, content);
    const eventId = await (kind === 'say' ? this.world.send(sender, content) : this.world.stick(sender, content));
    const threadId = parent === undefined ? '' : relation === 'thread' ? parent.eventId : parent.threadId;
    const roomIndex = await this.world.indexOf(eventId);
    this.said.push({ eventId, roomIndex, threadId, outcomes, isRelated: parent !== undefined, isRedacted: false });
    if (kind === 'say') this.#hasRead(sender, threadId || 'main', roomIndex);
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
      const outcome = outcomeOf(evaluatePushRules(rules, event, { ...place, displayName, followsThread: undefined }));
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
      const world = await TestUnread.open();
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
    }),
    { numRuns: 60 },
  );
  // Each run makes a database; PostgreSQL takes half a second for one.
}, 120_000);
