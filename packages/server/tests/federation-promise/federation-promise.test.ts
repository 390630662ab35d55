import type { JsonObject } from '@limpet/protocol/json';
import { expect, test } from 'vitest';
import type { MatrixClient } from '../server-crash/matrix-client.ts';
import { LinkedServers } from './linked-servers.ts';

/** The promise, across servers: real processes, real databases, wires that are cut, kill -9. */

const TIMEOUT_MS = 240_000;
const STICKY = 'org.matrix.msc4354.sticky_duration_ms=3600000';
const SEATS = 500;
const MESSAGES = 1_000;
/** Requests of one user under way at once. */
const AT_ONCE = 10;

let transactions = 0;

async function say(user: MatrixClient, roomId: string, body: string): Promise<string> {
  return send(user, `/rooms/${roomId}/send/m.room.message/t${transactions++}`, { msgtype: 'm.text', body });
}

async function sit(user: MatrixClient, roomId: string, seat: string): Promise<string> {
  const path = `/rooms/${roomId}/send/org.example.seat/t${transactions++}?${STICKY}`;
  return send(user, path, { msc4354_sticky_key: seat, here: true });
}

async function send(user: MatrixClient, path: string, content: JsonObject): Promise<string> {
  return String((await user.ask('PUT', path, content)).event_id);
}

/** So many of them, a few at once; what they gave, in order. */
async function several(count: number, one: (index: number) => Promise<string>): Promise<string[]> {
  const ids: string[] = new Array(count);
  let next = 0;
  async function work(): Promise<void> {
    while (next < count) {
      const index = next++;
      ids[index] = await one(index);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return ids;
}

/** Syncs until the user's client has all of these. Without new traffic it waits for what comes by itself. */
async function receiveAll(user: MatrixClient, ids: Iterable<string>): Promise<void> {
  const wanted = new Set(ids);
  for (;;) {
    const got = new Set([...user.timeline, ...user.sticky]);
    if (wanted.isSubsetOf(got)) return;
    await user.sync(1_000);
  }
}

/** How often each of these came to the client, in either section. */
function timesReceived(user: MatrixClient, ids: readonly string[]): number[] {
  const counts = new Map<string, number>();
  for (const id of [...user.timeline, ...user.sticky]) counts.set(id, (counts.get(id) ?? 0) + 1);
  return ids.map((id) => counts.get(id) ?? 0);
}

async function stateOf(user: MatrixClient, roomId: string): Promise<string[]> {
  const events = (await user.ask('GET', `/rooms/${roomId}/state`)) as unknown as JsonObject[];
  return events.map((event) => String(event.event_id)).sort();
}

async function joinOver(user: MatrixClient, roomId: string, via: string): Promise<void> {
  await user.ask('POST', `/join/${encodeURIComponent(roomId)}?server_name=${via}&via=${via}`, {});
}

test('C5, D1 to D4: what sticks reaches everybody once, whatever was away, cut or killed meanwhile', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using servers = await LinkedServers.open(['one.test', 'two.test', 'three.test', 'four.test']);
  const one = servers.server('one.test');
  const alice = await one.user('alice');
  const bob = await servers.server('two.test').user('bob');
  const carol = await servers.server('three.test').user('carol');
  const roomId = String((await alice.ask('POST', '/createRoom', { preset: 'public_chat' })).room_id);
  await joinOver(bob, roomId, 'one.test');
  await joinOver(carol, roomId, 'two.test');

  // A sticky event with 30 messages after it: beyond every timeline.
  const early = await sit(alice, roomId, 'early');
  for (let index = 0; index < 30; index++) await say(alice, roomId, `after ${index}`);
  await receiveAll(bob, [early]);
  await receiveAll(carol, [early]);

  // The third server is away; much is said, and the sender dies in the middle of it.
  servers.cut('one.test', 'three.test');
  servers.cut('two.test', 'three.test');
  const firstHalf = await several(SEATS / 2, (index) => sit(alice, roomId, `first ${index}`));
  await several(MESSAGES / 2, (index) => say(alice, roomId, `first ${index}`));
  await one.kill();
  await one.start();
  const secondHalf = await several(SEATS / 2, (index) => sit(alice, roomId, `second ${index}`));
  await several(MESSAGES / 2, (index) => say(alice, roomId, `second ${index}`));
  await alice.ask('PUT', `/rooms/${roomId}/state/m.room.topic`, { topic: 'while you were away' });
  const seats = [early, ...firstHalf, ...secondHalf];
  await receiveAll(bob, seats);

  // Both are back, and nobody says anything new.
  servers.heal('one.test', 'three.test');
  servers.heal('two.test', 'three.test');
  await receiveAll(carol, seats);
  expect(timesReceived(carol, seats)).toEqual(seats.map(() => 1));
  expect(timesReceived(bob, seats)).toEqual(seats.map(() => 1));

  // The state is the same everywhere.
  const state = await stateOf(alice, roomId);
  await expect.poll(() => stateOf(bob, roomId), { timeout: 20_000 }).toEqual(state);
  await expect.poll(() => stateOf(carol, roomId), { timeout: 20_000 }).toEqual(state);

  // D4, C6: a fourth server comes and gets what sticks from all three.
  const ofBob = await sit(bob, roomId, 'of bob');
  const ofCarol = await sit(carol, roomId, 'of carol');
  const all = [...seats, ofBob, ofCarol];
  await receiveAll(alice, [ofBob, ofCarol]);
  const dave = await servers.server('four.test').user('dave');
  await joinOver(dave, roomId, 'three.test');
  await receiveAll(dave, all);
  expect(timesReceived(dave, all)).toEqual(all.map(() => 1));
});

/** Carol's server hears of the kick before it hears of the seat, and of the return after. */
async function kickAndReturn(kicker: string, kicked: string): Promise<void> {
  await using servers = await LinkedServers.open([kicker, kicked, 'watching.test']);
  const alice = await servers.server(kicker).user('alice');
  const bob = await servers.server(kicked).user('bob');
  const carol = await servers.server('watching.test').user('carol');
  const roomId = String((await alice.ask('POST', '/createRoom', { preset: 'public_chat' })).room_id);
  await joinOver(bob, roomId, kicker);
  await joinOver(carol, roomId, kicker);
  await receiveAll(carol, [await say(bob, roomId, 'hello')]);
  // Bob's server does not hear of the kick, and goes on.
  servers.cut(kicker, kicked);
  servers.cut('watching.test', kicked);
  await alice.ask('POST', `/rooms/${roomId}/kick`, { user_id: bob.userId });
  const marker = await say(alice, roomId, 'gone');
  await receiveAll(carol, [marker]);
  const seat = await sit(bob, roomId, 'mine');
  servers.heal(kicker, kicked);
  servers.heal('watching.test', kicked);
  // Everybody has everything when both sides have the other's last word.
  await receiveAll(carol, [await say(alice, roomId, 'healed')]);
  await expect.poll(async () => (await bob.ask('GET', '/joined_rooms')).joined_rooms, { timeout: 30_000 }).toEqual([]);
  expect(timesReceived(carol, [seat])).toEqual([0]);
  await joinOver(bob, roomId, kicker);
  await receiveAll(carol, [seat]);
  await receiveAll(alice, [seat]);
  await carol.drain();
  await alice.drain();
  expect(timesReceived(carol, [seat])).toEqual([1]);
  expect(timesReceived(alice, [seat])).toEqual([1]);
}

test('E7: a sticky event that a kick refused comes out, once, when its sender is back', { timeout: TIMEOUT_MS }, () =>
  kickAndReturn('first.test', 'second.test'),
);

test('E7: with the roles of the servers swapped', { timeout: TIMEOUT_MS }, () =>
  kickAndReturn('second.test', 'first.test'),
);
