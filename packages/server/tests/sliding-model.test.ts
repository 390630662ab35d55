import type { JsonObject } from '@limpet/protocol/json';
import { expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { seededRandom } from './support/seeded-random.ts';
import { type SlidingAnswer, SlidingClient, type SlidingRoom } from './support/sliding-client.ts';
import { SyncStory } from './support/sync-story.ts';

/** Rounds of each run; in each a few requests are under way at once, and as many syncs. */
const ROUNDS = 40;
const REQUESTS_AT_ONCE = 6;
const ROOMS = 4;
const WAIT_MS = 30_000;

/** What a client may look at: so many rooms, so many events of each, and this of their state. */
interface View {
  readonly last: number;
  readonly limit: number;
  readonly state: readonly (readonly string[])[];
}

const EVERYTHING = [['*', '*']];
const LAZY = [
  ['m.room.topic', ''],
  ['m.room.member', '$LAZY'],
];
const STATES = [EVERYTHING, LAZY, [['m.room.topic', '']], [['m.room.member', '*']], []];

/** What a client makes of the answers, by the rules of MSC4186. */
class ModelClient {
  readonly session: Session;
  readonly name: string;
  /** By room: of each slot the event's ID. */
  readonly states = new Map<string, Map<string, string>>();
  /** By joined room: the newest events without a gap, and who sent them, where members come along as they speak. */
  readonly timelines = new Map<string, (readonly [eventId: string, sender: string | undefined])[]>();
  readonly joinedCounts = new Map<string, unknown>();
  readonly client: SlidingClient;

  constructor(story: SyncStory, session: Session, connId: string) {
    this.session = session;
    this.name = `${session.userId} ${connId}`;
    this.client = new SlidingClient(story.server, session, { conn_id: connId });
  }

  /** `isLost`: the answer does not arrive, so that the client asks with the same `pos` again. */
  async sync({ last, limit, state }: View, { isLost = false, timeoutMs = 0 } = {}): Promise<void> {
    const list = { ranges: [[0, last]], timeline_limit: limit, required_state: state } as unknown as JsonObject;
    const answer = await this.client.sync({ timeoutMs, isLost, body: { lists: { all: list } } });
    if (!isLost) this.#take(answer, state === LAZY);
  }

  #take(answer: SlidingAnswer, isLazy: boolean): void {
    for (const [roomId, room] of Object.entries(answer.rooms)) {
      if (room.invite_state !== undefined || this.#isGone(room)) this.#forget(roomId);
      else this.#takeRoom(roomId, room, isLazy);
    }
  }

  /** His own member event says that the user is not there any more. */
  #isGone({ required_state: state = [] }: SlidingRoom): boolean {
    const own = state.filter(({ type, state_key: key }) => type === 'm.room.member' && key === this.session.userId);
    return own.some(({ content }) => (content as JsonObject).membership !== 'join');
  }

  #forget(roomId: string): void {
    this.timelines.delete(roomId);
    this.states.delete(roomId);
  }

  #takeRoom(roomId: string, room: SlidingRoom, isLazy: boolean): void {
    const senderOf = ({ sender }: JsonObject) => (isLazy ? String(sender) : undefined);
    const given = (room.timeline ?? []).map((event) => [event.event_id, senderOf(event)] as const);
    const isWhole = room.initial === true || room.unstable_expanded_timeline === true;
    const known = isWhole || room.limited === true ? [] : this.timelines.get(roomId);
    if (known === undefined) throw new Error(`${this.name} was told of ${roomId} without "initial"`);
    this.timelines.set(roomId, [...known, ...given]);
    const slots = (room.initial === true ? undefined : this.states.get(roomId)) ?? new Map<string, string>();
    if (isLazy && room.limited === true && !isWhole) {
      for (const slot of slots.keys()) if (slot.startsWith('m.room.member ')) slots.delete(slot);
    }
    for (const event of room.required_state ?? []) slots.set(`${event.type} ${event.state_key}`, event.event_id);
    this.states.set(roomId, slots);
    if (room.joined_count !== undefined) this.joinedCounts.set(roomId, room.joined_count);
  }
}

test.each([1, 6])('whatever happens at once, every client comes to know what is so (seed %d)', async (seed) => {
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
  const clients = users.flatMap((user) => ['', 'one', 'two'].map((name) => new ModelClient(story, user, name)));
  const view = (): View => ({ last: pick([0, 1, 1, 9]), limit: pick([1, 2, 10]), state: pick(STATES) });
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
  ];
  for (let round = 0; round < ROUNDS; round += 1) {
    const syncing = new Set(Array.from({ length: REQUESTS_AT_ONCE }, () => pick(clients)));
    const syncs = [...syncing].map((one) => one.sync(view(), pick([{}, {}, { timeoutMs: WAIT_MS }, { isLost: true }])));
    const done: Promise<unknown>[] = [];
    for (let count = 0; count < REQUESTS_AT_ONCE; count += 1) {
      // What is not allowed at the moment is refused, and changes nothing.
      done.push(pick(acts)(pick(users), pick(rooms)).catch(isRefused));
    }
    await Promise.all(done);
    await story.settle();
    story.world.advance(WAIT_MS);
    await Promise.all(syncs);
    if (round % 20 === 19) {
      await story.restart();
      for (const { client } of clients) client.moveTo(story.server);
    }
    if (round % 10 === 9)
      for (const client of clients) await expectTruth(story, client, { rooms, isLazy: pick([0, 1]) });
  }
  await story.end();
});

function isRefused(error: unknown): void {
  expect(String(error)).toMatch(/M_FORBIDDEN|M_BAD_STATE/);
}

async function expectTruth(
  story: SyncStory,
  client: ModelClient,
  { rooms, isLazy }: { rooms: readonly string[]; isLazy: number },
): Promise<void> {
  await client.sync({ last: 99, limit: 2, state: isLazy === 1 ? LAZY : EVERYTHING });
  const { session, name } = client;
  const joined = (await story.do(session, 'GET', '/joined_rooms')).joined_rooms as string[];
  expect([name, [...client.timelines.keys()].toSorted()]).toEqual([name, joined.toSorted()]);
  for (const roomId of rooms.filter((room) => joined.includes(room))) {
    const path = `/rooms/${encodeURIComponent(roomId)}`;
    const timeline = client.timelines.get(roomId) ?? [];
    const { chunk } = await story.do(session, 'GET', `${path}/messages?dir=b&limit=${timeline.length}`);
    const newest = (chunk as JsonObject[]).map((event) => String(event.event_id)).reverse();
    expect([name, timeline.map(([eventId]) => eventId)]).toEqual([name, newest.slice(newest.length - timeline.length)]);
    const { text } = await story.ask(session, 'GET', `${path}/state`);
    const state = (JSON.parse(text) as JsonObject[]).map((event) => [
      `${event.type} ${event.state_key}`,
      String(event.event_id),
    ]);
    const truth = new Map(state as [string, string][]);
    const known = client.states.get(roomId) ?? new Map<string, string>();
    const wanted = isLazy === 0 ? truth : lazily(truth, timeline.slice(-2));
    for (const [slot, eventId] of wanted) expect([name, slot, known.get(slot)]).toEqual([name, slot, eventId]);
    const members = state.filter(([slot]) => slot?.startsWith('m.room.member '));
    const { joined: present } = await story.do(session, 'GET', `${path}/joined_members`);
    expect(members.length).toBeGreaterThanOrEqual(Object.keys(present as JsonObject).length);
    expect([name, client.joinedCounts.get(roomId)]).toEqual([name, Object.keys(present as JsonObject).length]);
  }
}

/** The topic, and the members who speak. */
function lazily(
  truth: ReadonlyMap<string, string>,
  timeline: readonly (readonly [string, string | undefined])[],
): Map<string, string> {
  const slots = ['m.room.topic ', ...timeline.map(([, sender]) => `m.room.member ${sender}`)];
  return new Map(slots.flatMap((slot) => (truth.has(slot) ? [[slot, truth.get(slot) ?? ''] as const] : [])));
}
