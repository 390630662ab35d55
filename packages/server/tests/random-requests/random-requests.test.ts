import type { JsonObject } from '@limpet/protocol/json';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Chain } from './chain.ts';
import { commands, ROOMS, USERS } from './commands.ts';
import type { Acknowledged } from './model.ts';
import { Story } from './story.ts';

/** Random stories of three users in two rooms, with bad requests, ends of sticky events and restarts in between. */

const SEED = 20_261_120;
const STORIES = 60;
/** On a slow machine there are fewer stories. */
const TIME_LIMIT_MS = 10_000;

test('whatever is asked in whatever order, the server keeps what it promised', { timeout: 60_000 }, async () => {
  let stories = 0;
  await fc.assert(
    fc.asyncProperty(commands, async (list) => {
      const story = await Story.begin();
      try {
        for (const command of list) await story.perform(command);
        expect(await faultsOf(story)).toEqual([]);
        stories++;
      } finally {
        await story.end();
      }
    }),
    { seed: SEED, numRuns: STORIES, interruptAfterTimeLimit: TIME_LIMIT_MS },
  );
  expect(stories).toBeGreaterThan(0);
});

async function faultsOf(story: Story): Promise<string[]> {
  const faults = [...story.faults];
  for (let room = 0; room < ROOMS; room++) {
    faults.push(...(await messagesFaults(story, room)), ...(await membershipFaults(story, room)));
  }
  for (const [user, { large, small }] of story.chains.entries()) {
    await large.drain();
    await small.drain();
    faults.push(...large.faults, ...small.faults, ...story.faults);
    faults.push(...repeats(large, `user ${user}, large`), ...repeats(small, `user ${user}, small`));
    faults.push(...missedFaults(story, user, large));
    faults.push(...stickyFaults(story, user, large), ...stickyFaults(story, user, small));
  }
  return [...new Set(faults)];
}

/** Every acknowledged event stands in the history once, and no message that was not acknowledged. */
async function messagesFaults(story: Story, room: number): Promise<string[]> {
  const found: JsonObject[] = [];
  let from = '';
  do {
    const path = `/rooms/${story.roomId(room)}/messages?dir=b&limit=7${from}`;
    const { body } = await story.ask(0, 'GET', path);
    found.push(...((body.chunk ?? []) as JsonObject[]));
    from = body.end === undefined ? '' : `&from=${String(body.end)}`;
  } while (from !== '');
  const ids = found.map((event) => String(event.event_id));
  const acknowledged = story.model.events.filter((event) => event.room === room);
  const lost = acknowledged.filter(({ eventId }) => !ids.includes(eventId)).map(({ eventId }) => `${eventId} is lost`);
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${id} stands twice in /messages`);
  const known = new Set(acknowledged.map(({ eventId }) => eventId));
  const unasked = found
    .filter(({ type, event_id: id }) => type === 'org.example.message' && !known.has(String(id)))
    .map(({ event_id: id }) => `${String(id)} was never acknowledged`);
  return [...lost, ...twice, ...unasked];
}

/** C2, C3: nothing comes twice, except to who joined again in between (C6). */
function repeats(chain: Chain, whose: string): string[] {
  const seen = new Map<string, string>();
  return chain.deliveries.flatMap(({ eventId, joins, place }) => {
    const key = `${eventId} ${joins}`;
    const before = seen.get(key);
    seen.set(key, place);
    return before === undefined ? [] : [`${eventId} came to ${whose} by ${before}, then by ${place}`];
  });
}

/** What came while the user was joined is there, when all fits. */
function missedFaults(story: Story, user: number, chain: Chain): string[] {
  const delivered = new Set(chain.deliveries.filter(({ place }) => place === 'timeline').map(({ eventId }) => eventId));
  return story.model.events
    .filter((event) => event.stretches[user] !== undefined && !delivered.has(event.eventId))
    .map((event) => `${event.eventId} of ${event.room} never came to user ${user}`);
}

/** C1, C5, C6: what still is sticky has come to who is joined now, since the last join. */
function stickyFaults(story: Story, user: number, chain: Chain): string[] {
  const delivered = new Set(chain.deliveries.map(({ eventId, joins }) => `${eventId} ${joins}`));
  function isDue({ stickyUntilMs, room }: Acknowledged): boolean {
    return story.isStickyNow(stickyUntilMs) && story.model.stretch(room, user) !== undefined;
  }
  return story.model.events
    .filter((event) => isDue(event))
    .filter((event) => !delivered.has(`${event.eventId} ${story.model.stretch(event.room, user)}`))
    .map((event) => `The sticky ${event.eventId} of ${event.room} never came to user ${user}`);
}

/** All endpoints say the same of who is in the room. */
async function membershipFaults(story: Story, room: number): Promise<string[]> {
  const roomId = story.roomId(room);
  const [members, joined, state] = await Promise.all(
    ['members', 'joined_members', 'state'].map((path) => story.ask(0, 'GET', `/rooms/${roomId}/${path}`)),
  );
  const faults: string[] = [];
  for (let user = 0; user < USERS; user++) {
    const userId = String(story.users[user]?.userId);
    const expected = story.model.member(room, user).membership;
    const sync = await story.ask(user, 'GET', '/sync?filter={"room":{"include_leave":true}}');
    const rooms = (sync.body.rooms ?? {}) as Record<string, Record<string, unknown>>;
    const section = Object.keys(rooms).find((kind) => rooms[kind]?.[roomId] !== undefined) ?? 'none';
    const joinedRooms = (await story.ask(user, 'GET', '/joined_rooms')).body.joined_rooms as string[];
    const said = {
      members: membershipOf(members?.body.chunk as JsonObject[], userId),
      state: membershipOf(JSON.parse(state?.text ?? '[]'), userId),
      joined: Object.hasOwn((joined?.body.joined ?? {}) as JsonObject, userId),
      section: section === 'leave' ? 'left' : section,
      joinedRooms: joinedRooms.includes(roomId),
    };
    const isJoined = expected === 'join';
    const hasLeft = expected === 'leave' || expected === 'ban';
    const due = {
      members: expected,
      state: expected,
      joined: isJoined,
      section: hasLeft ? 'left' : expected,
      joinedRooms: isJoined,
    };
    if (JSON.stringify(said) !== JSON.stringify(due)) {
      faults.push(`user ${user} in ${room}: ${JSON.stringify(said)} instead of ${JSON.stringify(due)}`);
    }
  }
  return faults;
}

function membershipOf(events: readonly JsonObject[], userId: string): string {
  const event = events.find(({ type, state_key: key }) => type === 'm.room.member' && key === userId);
  return event === undefined ? 'none' : String((event.content as JsonObject).membership);
}
