import type { JsonObject } from '@limpet/protocol/json';
import { expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { seededRandom } from './support/seeded-random.ts';
import { eventsOf, SyncStory } from './support/sync-story.ts';
import type { SyncAnswer, SyncingClient } from './support/syncing-client.ts';

/** Rounds of each run; in each a few requests are under way at once, and as many syncs. */
const ROUNDS = 40;
const REQUESTS_AT_ONCE = 6;
const ROOMS = 3;

interface Variant {
  readonly limit: number;
  readonly isAfter: boolean;
  readonly isLazy: boolean;
}

const VARIANTS: readonly Variant[] = [
  { limit: 10, isAfter: false, isLazy: false },
  { limit: 2, isAfter: false, isLazy: false },
  { limit: 3, isAfter: true, isLazy: false },
  { limit: 1, isAfter: false, isLazy: true },
  { limit: 2, isAfter: true, isLazy: true },
];

/** How clients ask; mostly in the plain way. */
const WAYS = [{}, {}, {}, { timeoutMs: 30_000 }, { timeoutMs: 30_000 }, { isLost: true }, { isWhole: true }];

/** What a client makes of the answers, by the rules that the specification gives it. */
class ModelClient {
  readonly session: Session;
  readonly variant: Variant;
  /** By room: of each slot the event's ID. */
  readonly states = new Map<string, Map<string, string>>();
  /** By joined room: the newest events without a gap. */
  readonly timelines = new Map<string, string[]>();
  readonly #client: SyncingClient;

  constructor(story: SyncStory, session: Session, variant: Variant) {
    this.session = session;
    this.variant = variant;
    const { limit, isLazy } = variant;
    this.#client = story.client(session, { room: { timeline: { limit }, state: { lazy_load_members: isLazy } } });
  }

  /** `isLost`: the answer does not arrive, so that the client asks with the same token again. */
  async sync({ isLost = false, isWhole = false, timeoutMs = 0 } = {}): Promise<void> {
    const { since } = this.#client;
    const query: Record<string, string> = this.variant.isAfter ? { use_state_after: 'true' } : {};
    if (isWhole) query.full_state = 'true';
    const answer = await this.#client.sync({ query, timeoutMs });
    if (isLost) this.#client.since = since;
    else this.#take(answer);
  }

  #take(answer: SyncAnswer): void {
    for (const section of ['leave', 'invite', 'knock']) {
      for (const roomId of answer.roomIds(section)) {
        this.timelines.delete(roomId);
        this.states.delete(roomId);
      }
    }
    for (const roomId of answer.roomIds()) this.#takeRoom(roomId, answer);
  }

  #takeRoom(roomId: string, answer: SyncAnswer): void {
    const { timeline, state, state_after: after } = answer.room(roomId);
    const known = this.timelines.get(roomId);
    const given = answer.timelineIds(roomId);
    this.timelines.set(roomId, known === undefined || timeline?.limited === true ? given : [...known, ...given]);
    const slots = this.states.get(roomId) ?? new Map<string, string>();
    const changes = this.variant.isAfter ? eventsOf(after) : [...eventsOf(state), ...eventsOf(timeline)];
    for (const event of changes) {
      if (event.state_key !== undefined) slots.set(`${event.type} ${event.state_key}`, String(event.event_id));
    }
    this.states.set(roomId, slots);
  }
}

test.each([1, 2, 3])('whatever happens at once, every client comes to know what is so (seed %d)', async (seed) => {
  const story = await SyncStory.begin();
  const random = seededRandom(seed);
  const pick = <Item>(items: readonly Item[]): Item => {
    const item = items[(random.bytes(1)[0] ?? 0) % items.length];
    if (item === undefined) throw new Error('Nothing to pick from');
    return item;
  };
  const users: Session[] = [];
  for (const name of ['alice', 'bob', 'carol', 'dave']) users.push(await story.user(name));
  const [alice = pick(users)] = users;
  const rooms: string[] = [];
  for (let count = 0; count < ROOMS; count += 1) rooms.push(await story.room(alice));
  const clients = users.flatMap((user) => VARIANTS.map((variant) => new ModelClient(story, user, variant)));
  const acts: ((user: Session, room: string) => Promise<unknown>)[] = [
    (user, room) => story.say(user, room, 'hello'),
    (user, room) => story.say(user, room, 'again'),
    (_, room) => story.setTopic(alice, room, `topic ${random.bytes(2).join()}`),
    (user, room) =>
      story.setState(user, room, 'm.room.member', { membership: 'join', displayname: pick(['A', 'B']) }, user.userId),
    (user, room) => story.join(user, room),
    (user, room) => story.join(user, room),
    (user, room) => (user === alice ? story.say(user, room, 'stays') : story.leave(user, room)),
    (user, room) => story.put(alice, room, pick(['invite', 'kick', 'ban', 'unban'] as const), user),
    (user, room) => story.type(user, room, 10_000),
  ];
  for (let round = 0; round < ROUNDS; round += 1) {
    const syncing = new Set(Array.from({ length: REQUESTS_AT_ONCE }, () => pick(clients)));
    const syncs = [...syncing].map((client) => client.sync(pick(WAYS)));
    const done: Promise<unknown>[] = [];
    for (let count = 0; count < REQUESTS_AT_ONCE; count += 1) {
      // What is not allowed at the moment is refused, and changes nothing.
      done.push(pick(acts)(pick(users), pick(rooms)).catch(isRefused));
    }
    await Promise.all(done);
    // Whoever still waits is answered by this.
    for (const user of users) await story.setAccountData(user, 'org.example', { round });
    await Promise.all(syncs);
    if (round % 10 === 9) for (const client of clients) await expectTruth(story, client, rooms);
  }
  await story.end();
});

function isRefused(error: unknown): void {
  expect(String(error)).toMatch(/M_FORBIDDEN|M_BAD_STATE/);
}

async function expectTruth(story: SyncStory, client: ModelClient, rooms: readonly string[]): Promise<void> {
  await client.sync();
  const { session, variant } = client;
  const joined = (await story.do(session, 'GET', '/joined_rooms')).joined_rooms as string[];
  expect([...client.timelines.keys()].toSorted()).toEqual(joined.toSorted());
  for (const roomId of rooms.filter((room) => joined.includes(room))) {
    const about = `${session.userId} ${JSON.stringify(variant)}`;
    const path = `/rooms/${encodeURIComponent(roomId)}`;
    const timeline = client.timelines.get(roomId) ?? [];
    const { chunk } = await story.do(session, 'GET', `${path}/messages?dir=b&limit=${Math.max(timeline.length, 1)}`);
    const newest = (chunk as JsonObject[]).map((event) => String(event.event_id)).reverse();
    expect([about, timeline]).toEqual([about, newest.slice(newest.length - timeline.length)]);
    const { text } = await story.ask(session, 'GET', `${path}/state`);
    const truth = (JSON.parse(text) as JsonObject[]).map(
      (event) => [`${event.type} ${event.state_key}`, String(event.event_id)] as const,
    );
    const known = client.states.get(roomId) ?? new Map();
    const isTold = (slot: string) => !variant.isLazy || !slot.startsWith('m.room.member ') || known.has(slot);
    const expected = truth.filter(([slot]) => isTold(slot)).toSorted();
    expect([about, [...known].toSorted()]).toEqual([about, expected]);
  }
}
