import type { JsonObject } from '@limpet/protocol/json';
import { expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { seededRandom } from './support/seeded-random.ts';
import { listOf } from './support/sliding-client.ts';
import { StickySlidingClient } from './support/sticky-sliding-client.ts';
import { SyncStory } from './support/sync-story.ts';

const HOUR_MS = 3_600_000;
const ROOMS = 4;
const STEPS = 60;
const COURSES = 5;

/** One user, his rooms and his client, which drops what it gets for rooms that it was not shown. */
class Course {
  readonly #story: SyncStory;
  readonly #random: (below: number) => number;
  readonly #alice: Session;
  readonly #bob: Session;
  readonly #rooms: readonly string[];
  readonly #client: StickySlidingClient;
  readonly #joined = new Set<string>();
  readonly #sticky = new Map<string, string[]>();
  readonly #has = new Map<string, Set<string>>();
  readonly #given = new Map<string, Set<string>>();
  readonly #shown = new Set<string>();
  readonly #log: string[] = [];
  #sent = 0;

  constructor(story: SyncStory, parts: { seed: number; alice: Session; bob: Session; rooms: readonly string[] }) {
    const bytes = seededRandom(parts.seed);
    this.#story = story;
    this.#random = (below) => (bytes.bytes(1)[0] ?? 0) % below;
    this.#alice = parts.alice;
    this.#bob = parts.bob;
    this.#rooms = parts.rooms;
    this.#client = new StickySlidingClient(story.server, parts.bob, {});
    for (const room of parts.rooms) this.#sticky.set(room, []);
  }

  async step(): Promise<void> {
    const room = this.#rooms[this.#random(ROOMS)] ?? '';
    const kind = this.#random(12);
    if (kind < 4) await this.#stick(room);
    else if (kind < 6) await this.#move(room);
    else if (kind === 6) await this.#tag(room);
    else if (kind === 7) this.#client.reset();
    else if (kind === 8) await this.#story.say(this.#alice, room, 'hello');
    else await this.sync(this.#lists(), 1 + this.#random(3), this.#random(4) === 0);
    this.#log.push(`${kind} ${this.#rooms.indexOf(room)}`);
  }

  async end(): Promise<void> {
    const everything = { all: listOf(ROOMS, 0) };
    for (let turns = 0; await this.sync(everything, 2, false); turns += 1) expect(turns).toBeLessThan(100);
    for (const room of this.#joined) {
      const has = this.#has.get(room);
      const missing = (this.#sticky.get(room) ?? []).filter((eventId) => has?.has(eventId) !== true);
      expect([this.#log, missing]).toEqual([this.#log, []]);
    }
  }

  async sync(lists: JsonObject, limit: number, isLost: boolean): Promise<boolean> {
    this.#client.lists = lists;
    this.#client.limit = limit;
    const { answer, sticky, ids } = await this.#client.sync({ isLost });
    for (const [room, eventIds] of Object.entries(ids)) {
      const isInitial = answer.room(room).initial === true;
      const again = eventIds.filter((eventId) => !isInitial && this.#given.get(room)?.has(eventId));
      const twice = eventIds.filter((eventId) => answer.timelineIds(room).includes(eventId));
      expect([this.#log, this.#joined.has(room), again, twice]).toEqual([this.#log, true, [], []]);
    }
    if (isLost) return true;
    for (const room of answer.roomIds) {
      this.#shown.add(room);
      if (answer.room(room).initial === true) this.#given.set(room, new Set());
      this.#take(room, answer.timelineIds(room));
    }
    for (const [room, eventIds] of Object.entries(ids)) this.#take(room, eventIds);
    return sticky !== undefined || answer.roomIds.length > 0;
  }

  #take(room: string, eventIds: readonly string[]): void {
    for (const eventId of eventIds) {
      this.#given.get(room)?.add(eventId);
      if (this.#shown.has(room)) this.#has.get(room)?.add(eventId);
    }
  }

  #lists(): JsonObject {
    const timeline = this.#random(3);
    const first = listOf(this.#random(3), timeline);
    const untagged = listOf(this.#random(3), timeline, { filters: { not_tags: ['u.away'] } });
    return [{}, { a: first }, { b: untagged }, { a: first, b: untagged }, { b: untagged }][this.#random(5)] ?? {};
  }

  async #stick(room: string): Promise<void> {
    this.#sent += 1;
    const path = `/rooms/${encodeURIComponent(room)}/send/org.example.place/${this.#bob.deviceId}-${this.#sent}`;
    const query = `org.matrix.msc4354.sticky_duration_ms=${HOUR_MS}`;
    const { event_id: eventId } = await this.#story.do(this.#alice, 'PUT', `${path}?${query}`, { n: this.#sent });
    this.#sticky.get(room)?.push(String(eventId));
  }

  async #move(room: string): Promise<void> {
    this.#has.set(room, new Set());
    this.#given.set(room, new Set());
    if (this.#joined.delete(room)) return this.#story.leave(this.#bob, room);
    this.#joined.add(room);
    await this.#story.join(this.#bob, room);
  }

  async #tag(room: string): Promise<void> {
    const path = `/user/${this.#bob.userId}/rooms/${room}/tags/u.away`;
    if (this.#random(2) === 0) await this.#story.do(this.#bob, 'PUT', path, {});
    else await this.#story.do(this.#bob, 'DELETE', path);
  }
}

test('C1 to C6, C10: over any course of things each event comes, and again only with its room', async () => {
  const story = await SyncStory.begin();
  const alice = await story.user('alice');
  for (let seed = 1; seed <= COURSES; seed += 1) {
    const rooms: string[] = [];
    for (let index = 0; index < ROOMS; index += 1) rooms.push(await story.room(alice));
    const course = new Course(story, { seed, alice, bob: await story.user(`bob${seed}`), rooms });
    for (let step = 0; step < STEPS; step += 1) await course.step();
    await course.end();
  }
  await story.end();
});
