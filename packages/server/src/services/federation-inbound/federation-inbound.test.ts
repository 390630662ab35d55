import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { createTestInbound, type TestInbound, type TestInboundOptions } from '../../../tests/support/test-inbound.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { countStagedEvents } from '../../storage/queries/staged-events.ts';
import type { Storage } from '../../storage/storage.ts';

let storage: Storage;
let running: TestInbound | undefined;

beforeEach(async () => {
  storage = await openTestStorage();
});

afterEach(async () => {
  await running?.stop();
  running = undefined;
  await storage.close();
});

async function start(options?: TestInboundOptions): Promise<TestInbound> {
  running = await createTestInbound(storage, options);
  return running;
}

async function countStaged(): Promise<number> {
  return (await storage.read(countStagedEvents, {})).reduce((sum, row) => sum + row.count, 0);
}

/** A chain of events on top of each other, the oldest first. */
function chain(inbound: TestInbound, first: string, length: number) {
  const events = [];
  let previous = first;
  for (let depth = 0; depth < length; depth++) {
    const event = inbound.event([previous], { depth: 50 + depth, content: { body: `${depth}` } });
    events.push(event);
    previous = event.pdu.eventId;
  }
  return events;
}

function idsOf(events: readonly { pdu: { eventId: string } }[]): string[] {
  return events.map(({ pdu }) => pdu.eventId);
}

function idAt<T extends { pdu: { eventId: string } }>(events: readonly T[], index: number): T {
  const event = events.at(index);
  if (event === undefined) throw new Error(`There is no event ${index}`);
  return event;
}

test('E3: PDUs of one room that rest on each other are received in one call, in their order', async () => {
  const inbound = await start();
  const events = chain(inbound, await inbound.end(), 5);
  const answer = await inbound.push(events.toReversed());
  expect(answer).toEqual(Object.fromEntries(idsOf(events).map((id) => [id, {}])));
  expect(inbound.calls).toEqual([idsOf(events)]);
  expect(await countStaged()).toBe(0);
});

test('a repeated transaction is answered as before, also while it is under way, and processed once', async () => {
  const inbound = await start();
  const [event] = chain(inbound, await inbound.end(), 1);
  if (event === undefined) throw new Error('no event');
  const answers = await Promise.all([1, 2, 3].map(() => inbound.push([event], { txnId: 'same' })));
  answers.push(await inbound.push([], { txnId: 'same' }));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(inbound.calls).toHaveLength(1);
});

test('E1: what is wrong is refused by name, named in the log once, and the others go on', async () => {
  const inbound = await start();
  const end = await inbound.end();
  const good = inbound.event([end]);
  const forged = inbound.event([end], { sender: '@carol:test' });
  const foreign = inbound.event([end], { roomId: `!${'A'.repeat(43)}` });
  const first = inbound.event([], { content: { body: 'first' } });
  const many = { ...inbound.event([end]).pdu.json, prev_events: Array(21).fill(end) };
  const past = inbound.event([end], { originServerTs: 0, content: { body: '1970' } });
  const future = inbound.event([end], { originServerTs: Date.parse('3000-01-01'), content: { body: '3000' } });
  const deep = { ...inbound.event([end]).pdu.json, depth: 2 ** 63 };
  const answer = (await inbound.push([good, forged, foreign, first, many, past, future, deep, good])) as JsonObject;
  const errors = Object.fromEntries(Object.entries(answer).map(([id, result]) => [id, (result as JsonObject).error]));
  expect(errors[good.pdu.eventId]).toBeUndefined();
  expect(errors[past.pdu.eventId]).toBeUndefined();
  expect(errors[future.pdu.eventId]).toBeUndefined();
  expect(errors[forged.pdu.eventId]).toContain('signature of test');
  expect(errors[foreign.pdu.eventId]).toBe('No user of this server is in the room.');
  expect(errors[first.pdu.eventId]).toContain('prev_events');
  expect(Object.values(errors).filter((error) => String(error).includes('at most 20'))).toHaveLength(1);
  expect(inbound.calls).toEqual([idsOf([good, past, future])]);
  const lines = inbound.logged.filter(([message]) => message === 'Events of another server were refused');
  expect(lines).toHaveLength(1);
  expect(lines[0]?.[1]?.refusals).toHaveLength(5);
});

test('a content that is not the one that was signed is redacted', async () => {
  const received: JsonObject[] = [];
  const inbound = await start({ onReceive: (events) => void received.push(...events.map(({ pdu }) => pdu.content)) });
  const event = inbound.event([await inbound.end()]);
  await inbound.push([{ ...event.pdu.json, content: { body: 'other' } }]);
  expect(received).toEqual([{}]);
  expect(inbound.calls).toEqual([[event.pdu.eventId]]);
});

test('missing events are walked back to, deepest first, and all is received in one call (E3)', async () => {
  const latest: string[][] = [];
  const inbound = await start({
    answer: (_server, { path, body }) => {
      if (!path.includes('get_missing_events')) return undefined;
      const { latest_events: named } = body as { latest_events: string[] };
      latest.push(named);
      const before = events.findIndex(({ pdu }) => named.includes(pdu.eventId));
      return { events: events.slice(Math.max(0, before - 20), before).map(({ pdu }) => pdu.json) };
    },
  });
  const events = chain(inbound, await inbound.end(), 60);
  expect(await inbound.push([idAt(events, -1), idAt(events, 58)])).toEqual({
    [idAt(events, -1).pdu.eventId]: {},
    [idAt(events, 58).pdu.eventId]: {},
  });
  await eventually(() => expect(inbound.calls).toEqual([idsOf(events)]));
  expect(latest).toEqual([idsOf([idAt(events, 58)]), idsOf([idAt(events, 38)]), idsOf([idAt(events, 18)])]);
  await eventually(async () => expect(await countStaged()).toBe(0));
});

test('an answer that never converges ends the walk; then the state before the gap is asked for', async () => {
  const state = ['$state'];
  let made = 0;
  const inbound = await start({
    answer: (_server, { path, body }) => {
      if (path.includes('state_ids')) return { pdu_ids: state, auth_chain_ids: [] };
      if (!path.includes('get_missing_events')) return undefined;
      const { latest_events: named } = body as { latest_events: string[] };
      // Each answer is one more event that nobody can place.
      made++;
      return { events: lineage.filter(({ pdu }) => named.includes(pdu.eventId)).flatMap((one) => before(one)) };
    },
  });
  const lineage = chain(inbound, `$${'x'.repeat(43)}`, 200);
  const before = (one: (typeof lineage)[number]) =>
    lineage.filter(({ pdu }) => one.pdu.prevEvents.includes(pdu.eventId)).map(({ pdu }) => pdu.json);
  const last = idAt(lineage, -1);
  await inbound.push([last]);
  await eventually(() => expect(inbound.calls).toHaveLength(1));
  expect(made).toBe(50);
  expect(inbound.asked.filter((asked) => asked.endsWith('state_ids'))).toHaveLength(1);
  // The state is of nothing that is here, so nothing of it counts; the oldest event that was got stands on it.
  expect(inbound.states).toEqual([[]]);
  expect(inbound.calls).toEqual([idsOf(lineage.slice(-51))]);
});

test('a server that does not answer holds up neither other rooms nor other servers', async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const inbound = await start({ answer: async () => gate.then(() => ({ events: [] })) });
  const end = await inbound.end();
  const stuck = inbound.event([`$${'x'.repeat(43)}`]);
  await inbound.push([stuck]);
  await eventually(() => expect(inbound.asked).toEqual(['evil get_missing_events']));
  const mine = inbound.event([end], { content: { body: 'behind it' } });
  const other = inbound.event([end], { content: { body: 'of another server' } });
  expect(await inbound.push([mine])).toEqual({ [mine.pdu.eventId]: {} });
  expect(await inbound.push([other], { origin: 'good' })).toEqual({ [other.pdu.eventId]: {} });
  expect(inbound.calls).toEqual([[other.pdu.eventId]]);
  release();
  await eventually(() => expect(inbound.calls).toEqual([[other.pdu.eventId], [mine.pdu.eventId]]));
  expect(await countStaged()).toBe(1);
});

test('E1: what waits outlives a crash, and when it came is kept (A2)', async () => {
  const times: number[] = [];
  const inbound = await start({ onReceive: (events) => void times.push(...events.map((one) => one.receivedTs)) });
  const { world } = inbound.rooms;
  const [before, after] = chain(inbound, await inbound.end(), 2);
  if (before === undefined || after === undefined) throw new Error('no events');
  const arrivedMs = world.clock.nowMs();
  await inbound.push([after]);
  await eventually(() => expect(inbound.asked.length).toBeGreaterThan(0));
  world.advance(3_000);
  running = await inbound.restart();
  expect(await countStaged()).toBe(1);
  await running.push([before]);
  await eventually(async () => expect(await countStaged()).toBe(0));
  expect(running.calls.flat()).toEqual(idsOf([before, after]));
  expect(times).toEqual([arrivedMs + 3_000, arrivedMs]);
});

test('E2: what comes for a room that is being joined is processed at the end of the join', async () => {
  const inbound = await start();
  const { rooms } = inbound;
  await rooms.membershipChanges.leave({ userId: '@alice:test', roomId: inbound.roomId });
  const event = inbound.event([await inbound.end()]);
  rooms.joining.begin(inbound.roomId);
  expect(await inbound.push([event])).toEqual({ [event.pdu.eventId]: {} });
  expect(await countStaged()).toBe(1);
  expect(inbound.calls).toEqual([]);
  await rooms.membershipChanges.join({ userId: '@alice:test', roomId: inbound.roomId });
  rooms.joining.end(inbound.roomId);
  await eventually(() => expect(inbound.calls).toEqual([[event.pdu.eventId]]));
});

test('E2: when the join fails, what waited is dropped, and the log says so once', async () => {
  const inbound = await start();
  const unknown = `!${'B'.repeat(43)}`;
  inbound.rooms.joining.begin(unknown);
  const event = inbound.event([`$${'x'.repeat(43)}`], { roomId: unknown });
  await inbound.push([event]);
  expect(await countStaged()).toBe(1);
  inbound.rooms.joining.end(unknown);
  await eventually(async () => expect(await countStaged()).toBe(0));
  expect(inbound.logged.filter(([message]) => message.includes('dropped'))).toHaveLength(1);
});

test('a PDU that cannot be completed is given up at last, with its reason in the log once', async () => {
  const inbound = await start();
  const stuck = inbound.event([`$${'x'.repeat(43)}`]);
  await inbound.push([stuck]);
  await eventually(async () => {
    inbound.rooms.world.advance(1_800_000);
    expect(await countStaged()).toBe(0);
  });
  expect(inbound.asked.length).toBeGreaterThan(11);
  const lines = inbound.logged.filter(([message]) => message === 'Events of another server were refused');
  expect(lines.map(([, fields]) => fields?.refusals)).toEqual([
    [{ eventId: stuck.pdu.eventId, reason: 'The events before it could not be had from any server.' }],
  ]);
});

test('E6: with too many transactions of one server under way, one more is refused as a whole', async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const inbound = await start({ onReceive: () => gate });
  const end = await inbound.end();
  const events = [1, 2, 3, 4, 5].map((n) => inbound.event([end], { content: { body: `${n}` } }));
  const pushes = events.slice(0, 4).map((event) => inbound.push([event]));
  await expect(inbound.push([idAt(events, 4)])).rejects.toMatchObject({ errcode: 'M_LIMIT_EXCEEDED' });
  release();
  await Promise.all(pushes);
  expect(inbound.calls.flat().sort()).toEqual(idsOf(events.slice(0, 4)).sort());
  await inbound.push([idAt(events, 4)]);
});

test('E1: while the room is busy for long, events are staged and the answer goes out', async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  let received = 0;
  const inbound = await start({
    onReceive: () => {
      received++;
      return gate;
    },
  });
  const event = inbound.event([await inbound.end()]);
  const pushed = inbound.push([event]);
  await eventually(() => expect(received).toBe(1));
  expect(await countStaged()).toBe(0);
  inbound.rooms.world.advance(2_000);
  expect(await pushed).toEqual({ [event.pdu.eventId]: {} });
  expect(await countStaged()).toBe(1);
  release();
  await eventually(async () => expect(await countStaged()).toBe(0));
});

test('H3: an event that we cannot bear keeps the others of its lane back for a while, not for ever', async () => {
  const errors: string[] = [];
  let poison = '';
  const inbound = await start({
    onError: (message) => errors.push(message),
    onReceive: (events) => {
      if (events.some(({ pdu }) => pdu.eventId === poison)) throw new Error('our fault');
    },
  });
  const end = await inbound.end();
  const events = ['a', 'b', 'c'].map((body) => inbound.event([end], { content: { body } }));
  poison = idAt(events, 1).pdu.eventId;
  const answer = Object.fromEntries(idsOf(events).map((id) => [id, {}]));
  expect(await inbound.push(events)).toEqual(answer);
  await eventually(async () => {
    inbound.rooms.world.advance(30_000);
    expect(inbound.calls.flat().sort()).toEqual(idsOf([idAt(events, 0), idAt(events, 2)]).sort());
  });
  await eventually(async () => {
    inbound.rooms.world.advance(1_800_000);
    expect(await countStaged()).toBe(0);
  });
  expect(errors.length).toBeGreaterThan(2);
  const lines = inbound.logged.filter(([message]) => message === 'Events of another server were refused');
  expect(lines.map(([, fields]) => fields?.refusals)).toEqual([
    [{ eventId: poison, reason: 'It could not be processed.' }],
  ]);
});
