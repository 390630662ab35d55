import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Branch, ForkedRoom } from './support/forked-room.ts';
import { createManualWorld } from './support/manual-world.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';

/** What `/sync` says of the state of a room whose graph is forked. */

const BOB = '@bob:near';

let server: TestServer;
let token: string;
let far: ForkedRoom;
let joined: Branch;

beforeEach(async () => {
  const world = createManualWorld();
  server = await createTestServer({ world });
  const alice = await server.createUser('alice');
  token = alice.accessToken;
  far = new ForkedRoom(world.clock.nowMs());
  const bob = far.after(far.start, far.member(BOB, 'join'));
  const levels = { users: { [far.creator]: 100, [BOB]: 50 }, invite: 0 };
  const promoted = far.after(bob, far.state('m.room.power_levels', '', levels));
  joined = far.after(promoted, far.member(alice.userId, 'join'));
  await server.server.services.rooms.receiver.enter(far.entry(promoted, joined));
});

afterEach(async () => {
  await server.stop();
});

async function receive(...branches: readonly Branch[]): Promise<void> {
  const { receiver } = server.server.services.rooms;
  await receiver.receive(
    far.roomId,
    branches.map(({ received }) => received),
  );
}

interface Answer {
  readonly next: string;
  readonly timeline: readonly string[];
  /** By type and state key, the event ID. */
  readonly state: ReadonlyMap<string, string>;
}

async function sync(query: string): Promise<Answer> {
  const body = await server.ok('GET', `/_matrix/client/v3/sync?${query}`, { token });
  const rooms = body.rooms as { join?: Record<string, Record<string, { events: JsonObject[] }>> } | undefined;
  const room = rooms?.join?.[far.roomId];
  const state = room?.['org.matrix.msc4222.state_after'] ?? room?.state;
  const slots = (state?.events ?? []).map(
    (event) => [`${event.type} ${event.state_key}`, String(event.event_id)] as const,
  );
  const timeline = (room?.timeline?.events ?? []).map((event) => String(event.event_id));
  return { next: String(body.next_batch), timeline, state: new Map(slots) };
}

const STATE_AFTER = 'org.matrix.msc4222.use_state_after=true';

test('who comes new gets the state of all branches', async () => {
  const left = far.after(joined, far.state('m.room.topic', '', { topic: 'left' }));
  const right = far.after(joined, far.state('m.room.name', '', { name: 'right' }));
  const talk = far.after(right, far.say(BOB, 'on the right one'));
  await receive(left, right, talk);
  const filter = encodeURIComponent(JSON.stringify({ room: { timeline: { limit: 1 } } }));
  const { state, timeline } = await sync(`filter=${filter}`);
  expect(timeline).toEqual([talk.pdu.eventId]);
  expect(state.get('m.room.topic ')).toBe(left.pdu.eventId);
  expect(state.get('m.room.name ')).toBe(right.pdu.eventId);
});

test('what state resolution takes back is told with the event that made it so', async () => {
  const before = far.after(joined, far.state('m.room.topic', '', { topic: 'before' }));
  const mine = far.after(before, far.state('m.room.topic', '', { topic: 'mine' }, BOB));
  await receive(before, mine);
  const { next } = await sync(STATE_AFTER);
  const ban = far.after(before, far.member(BOB, 'ban', far.creator));
  await receive(ban);
  const answer = await sync(`${STATE_AFTER}&since=${next}`);
  expect(answer.timeline).toEqual([ban.pdu.eventId]);
  expect(answer.state.get('m.room.topic ')).toBe(before.pdu.eventId);
  const plain = await sync(`since=${next}`);
  expect(plain.state.get('m.room.topic ')).toBe(before.pdu.eventId);
});

test('a timeline that begins on one branch begins with the state that the room had', async () => {
  const left = far.after(joined, far.state('m.room.topic', '', { topic: 'left' }));
  const right = far.after(joined, far.say(BOB, 'knows nothing of the topic'));
  await receive(left);
  await receive(right);
  const filter = encodeURIComponent(JSON.stringify({ room: { timeline: { limit: 1 } } }));
  const { state, timeline } = await sync(`filter=${filter}`);
  expect(timeline).toEqual([right.pdu.eventId]);
  expect(state.get('m.room.topic ')).toBe(left.pdu.eventId);
});
