import type { JsonObject } from '@limpet/protocol/json';
import type { Pdu } from '@limpet/protocol/pdu';
import { afterEach, expect, test } from 'vitest';
import { countStagedEvents } from '../src/storage/queries/staged-events.ts';
import { eventually } from './support/eventually.ts';
import { FakeResident } from './support/fake-resident.ts';
import { createFarRoom, type FarRoom } from './support/far-room.ts';

let room: FarRoom;

async function start(options?: Parameters<typeof createFarRoom>[0]): Promise<FarRoom> {
  room = await createFarRoom(options);
  return room;
}

afterEach(() => room.federation.stop());

function idsOf(pdus: readonly Pdu[]): string[] {
  return pdus.map(({ eventId }) => eventId);
}

function last(pdus: readonly Pdu[]): Pdu {
  const pdu = pdus.at(-1);
  if (pdu === undefined) throw new Error('There are no events');
  return pdu;
}

function say(count: number): Pdu[] {
  return Array.from({ length: count }, (_, n) => room.far.say(`${n}`));
}

async function staged(): Promise<number> {
  const rows = await room.here().storage.read(countStagedEvents, {});
  return rows.reduce((sum, row) => sum + row.count, 0);
}

/** The gap stays one, whenever somebody looks at the messages of the room. */
function giveNoHistory(): void {
  room.far.lie('backfill', () => ({ status: 200, body: { pdus: [] } }));
}

function count(endpoint: string): number {
  return room.far.asked.filter((asked) => asked === endpoint).length;
}

test('E3: what is missing is walked back to, and clients see all of it in one step', async () => {
  const { push, alice, client, roomId, messages } = await start();
  const syncing = client(alice);
  await syncing.sync();
  const said = say(15);
  const waiting = syncing.sync({ timeoutMs: 30_000 });
  expect((await push([last(said)])).body).toEqual({ pdus: { [last(said).eventId]: {} } });
  expect((await waiting).timelineIds(roomId).slice(-10)).toEqual(idsOf(said).slice(-10));
  expect(await messages()).toEqual(idsOf(said));
  expect(count('POST get_missing_events')).toBe(1);
  await eventually(async () => expect(await staged()).toBe(0));
});

test('a state change in the gap counts for what comes after it', async () => {
  const { far, push, messages } = await start();
  const joined = far.join('@carol:far.test');
  const said = far.add({ sender: '@carol:far.test', type: 'm.room.message', content: { body: 'hello' } });
  await push([said]);
  await eventually(async () => expect(await messages()).toEqual([said.eventId]));
  expect(said.authEvents).toContain(joined.eventId);
});

test('where the gap is too wide, the state at its end stands for it', async () => {
  const { far, push, messages, ask, roomId } = await start();
  far.lie('get_missing_events', () => ({ status: 200, body: { events: [] } }));
  giveNoHistory();
  const joined = far.join('@carol:far.test');
  const name = far.setState('m.room.name', '', { name: 'Changed in the gap' });
  say(5);
  const said = far.add({ sender: '@carol:far.test', type: 'm.room.message', content: { body: 'hello' } });
  await push([said]);
  await eventually(async () => expect(await messages()).toEqual([said.eventId]));
  expect(count('GET state_ids')).toBe(1);
  expect(count('GET event')).toBe(2);
  const state = (await ask('GET', `rooms/${encodeURIComponent(roomId)}/state`)).body as unknown as JsonObject[];
  const ids = state.map((event) => event.event_id);
  expect(ids).toContain(name.eventId);
  expect(ids).toContain(joined.eventId);
  const next = far.say('after it');
  expect((await push([next])).body).toEqual({ pdus: { [next.eventId]: {} } });
  expect(await messages()).toEqual([said.eventId, next.eventId]);
});

test('a state with much that is not here is fetched whole', async () => {
  const { far, push, messages } = await start();
  far.lie('get_missing_events', () => ({ status: 200, body: { events: [] } }));
  giveNoHistory();
  for (let n = 0; n < 60; n++) far.join(`@user${n}:far.test`);
  const said = far.say('hello');
  await push([said]);
  await eventually(async () => expect(await messages()).toEqual([said.eventId]));
  expect(count('GET state')).toBe(1);
  expect(count('GET event')).toBe(0);
});

test('H3: answers that never converge, lie, or are no answers end the walk', async () => {
  const { far, push, messages } = await start();
  const nowhere = `$${'x'.repeat(43)}`;
  let made = 0;
  far.lie('get_missing_events', () => {
    made++;
    const content = { body: `${made}` };
    const next = far.build({ sender: far.creator, type: 'm.room.message', content, prevEvents: [nowhere] });
    return { status: 200, body: { events: [next.json, { made }, 7, null] } };
  });
  far.lie('state_ids', () => ({ status: 200, body: { pdu_ids: 'all of them', auth_chain_ids: {} } }));
  const lost = far.build({
    sender: far.creator,
    type: 'm.room.message',
    content: { body: 'lost' },
    prevEvents: [nowhere],
  });
  expect((await push([lost])).body).toEqual({ pdus: { [lost.eventId]: {} } });
  await eventually(() => expect(count('GET state_ids')).toBe(1));
  expect(made).toBe(1);
  const said = far.say('the room goes on');
  await push([said]);
  await eventually(async () => expect(await messages()).toEqual([said.eventId]));
  expect(await staged()).toBe(1);
});

test('H3: twenty previous events that nobody has cost one walk, and the room goes on', async () => {
  const { far, push, messages } = await start();
  const prevEvents = Array.from({ length: 20 }, (_, n) => `$${String(n).padStart(43, 'x')}`);
  const lost = far.build({ sender: far.creator, type: 'm.room.message', content: { body: 'lost' }, prevEvents });
  far.lie('state_ids', () => ({ status: 404, body: { errcode: 'M_NOT_FOUND' } }));
  await push([lost]);
  await eventually(() => expect(count('GET state_ids')).toBe(1));
  expect(count('POST get_missing_events')).toBe(1);
  const said = far.say('hello');
  await push([said]);
  await eventually(async () => expect(await messages()).toEqual([said.eventId]));
});

test('events that authorize and are missing are fetched, with those behind them', async () => {
  const { far, push, messages } = await start();
  const ends = far.timeline.slice(-1).map(({ eventId }) => eventId);
  // On a branch of its own: the walk back does not meet it.
  const joined = far.build({
    sender: '@carol:far.test',
    type: 'm.room.member',
    stateKey: '@carol:far.test',
    content: { membership: 'join' },
  });
  far.events.set(joined.eventId, joined);
  const authEvents = [...new Set([...joined.authEvents, joined.eventId])];
  const said = far.build({
    sender: '@carol:far.test',
    type: 'm.room.message',
    content: { body: 'hello' },
    prevEvents: ends,
    authEvents: authEvents.filter((eventId) => far.events.get(eventId)?.type !== 'm.room.join_rules'),
  });
  await push([said]);
  await eventually(async () => expect(await staged()).toBe(0));
  expect(count('GET event')).toBe(1);
  // It is authorized by its auth events, not by the state before it: carol never joined on this branch.
  expect(await messages()).toEqual([]);
  const next = far.say('the room goes on');
  await push([next]);
  expect(await messages()).toEqual([next.eventId]);
});

test('H3: auth events that name themselves or each other, as old room versions allow it, come to an end', async () => {
  const { far, push, messages } = await start({ version: '2' });
  const circular = far.build({ sender: far.creator, type: 'm.room.name', stateKey: '', content: { name: 'x' } });
  const named = { ...circular.json, auth_events: [[circular.eventId, { sha256: 'x' }]] };
  far.lie('event', () => ({ status: 200, body: { pdus: [named] } }));
  far.lie('event_auth', () => ({ status: 200, body: { auth_chain: [named, named] } }));
  const { status } = await push([named]);
  expect(status).toBe(200);
  const said = far.say('the room goes on');
  await push([said]);
  await eventually(async () => expect(await messages()).toEqual([said.eventId]));
});

test('E1: what waits is processed after a restart', async () => {
  const { far, push, messages, federation } = await start();
  far.lie('get_missing_events', () => ({ status: 500, body: {} }));
  far.lie('state_ids', () => ({ status: 500, body: {} }));
  const said = say(3);
  expect((await push([last(said)])).status).toBe(200);
  await eventually(() => expect(count('GET state_ids')).toBe(1));
  expect(await messages()).toEqual([]);
  await federation.halt('here.test');
  far.lie('get_missing_events', (answer) => answer);
  await federation.resume('here.test');
  await eventually(async () => expect(await messages()).toEqual(idsOf(said)));
  await eventually(async () => expect(await staged()).toBe(0));
});

test('what a server does not give is asked for again, later', async () => {
  const { far, push, messages, federation } = await start();
  let asked = 0;
  far.lie('get_missing_events', (answer) => {
    asked++;
    return asked === 1 ? { status: 200, body: {}, text: '<html>It works!</html>' } : answer;
  });
  far.lie('state_ids', () => ({ status: 500, body: {} }));
  const said = say(3);
  await push([last(said)]);
  await eventually(() => expect(count('GET state_ids')).toBe(1));
  room.world.advance(6_000);
  await eventually(async () => expect(await messages()).toEqual(idsOf(said)));
  expect(federation.requests('here.test', 'far.test').length).toBeGreaterThan(0);
});

test('what rests on events that were rejected is judged by itself', async () => {
  const { far, push, messages } = await start();
  const joined = far.add({
    sender: '@banned:far.test',
    type: 'm.room.member',
    stateKey: '@banned:far.test',
    content: { membership: 'invite' },
  });
  const said = far.build({
    sender: far.creator,
    type: 'm.room.message',
    content: { body: 'authorized by what was rejected' },
    authEvents: [...far.build({ sender: far.creator, type: 'm.room.message', content: {} }).authEvents, joined.eventId],
  });
  const next = far.say('after it');
  await push([said]);
  await push([next]);
  await eventually(async () => expect(await messages()).toEqual([next.eventId]));
  await eventually(async () => expect(await staged()).toBe(0));
});

test('what the server that sent an event does not have, others in the room are asked for', async () => {
  const near = new FakeResident('near.test', { seed: 4 });
  const { far, push, messages } = await start({ others: [near] });
  far.addKey('near.test', near.key);
  await push([far.join('@dora:near.test')]);
  far.lie('get_missing_events', () => ({ status: 404, body: { errcode: 'M_NOT_FOUND' } }));
  const said = say(3);
  near.lie('get_missing_events', () => ({ status: 200, body: { events: said.slice(0, 2).map(({ json }) => json) } }));
  await push([last(said)]);
  await eventually(async () => expect(await messages()).toEqual(idsOf(said)));
  expect(near.asked.filter((asked) => asked.startsWith('POST'))).toEqual(['POST get_missing_events']);
  expect(count('GET state_ids')).toBe(0);
});

test('E3: events behind several gaps that cannot be walked are seen in one step', async () => {
  const { far, push, alice, client, roomId } = await start();
  const syncing = client(alice);
  await syncing.sync();
  far.lie('get_missing_events', () => ({ status: 200, body: { events: [] } }));
  const waiting = syncing.sync({ timeoutMs: 30_000 });
  const said = say(9).filter((_pdu, n) => n % 3 === 2);
  await push(said);
  expect((await waiting).timelineIds(roomId)).toEqual(idsOf(said));
  expect(count('GET state_ids')).toBe(3);
});
