import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type StickyEntry, StickyMap } from './sticky-map.ts';

/**
 * The map against a model that is as naive as can be: it keeps the list of everything that ever arrived, and answers
 * each question by going through all of it. Times are small numbers, so that events end, tie and meet often.
 */
interface StickyFact {
  readonly eventId: string;
  readonly roomId: string;
  readonly sender: string;
  readonly stickyKey: string | undefined;
  readonly isRemoval: boolean;
  readonly isEncrypted: boolean;
  readonly originServerTs: number;
  readonly durationMs: number;
}

/** One arrival: of an event, encrypted or not, with or without what is left; or of its redaction. */
interface Arrival {
  readonly fact: StickyFact;
  readonly kind: 'clear' | 'asSent' | 'redaction';
  readonly leftMs: number | undefined;
  readonly receivedMs: number;
}

/** The wall clock of the client is this much ahead of the monotonic one, in all tests. */
const WALL_OFFSET_MS = 5;
const LAST_INSTANT_MS = 160;

const facts = fc
  .uniqueArray(fc.constantFrom('$A', '$B', '$C', '$Z', '$a', '$b', '$z', '$\u{1f600}', '$\uffee'), {
    minLength: 1,
    maxLength: 9,
  })
  .chain((eventIds) =>
    fc.tuple(
      ...eventIds.map((eventId) =>
        fc.record<StickyFact>({
          eventId: fc.constant(eventId),
          roomId: fc.constantFrom('!r', '!s'),
          sender: fc.constantFrom('@alice:a', '@bob:b'),
          stickyKey: fc.constantFrom('k', 'k', 'k', '', undefined),
          isRemoval: fc.boolean(),
          isEncrypted: fc.boolean(),
          originServerTs: fc.integer({ min: -20, max: 90 }),
          durationMs: fc.integer({ min: 0, max: 60 }),
        }),
      ),
    ),
  );

const arrivals = facts.chain((all) =>
  fc.array(
    fc.record<Arrival>({
      fact: fc.constantFrom(...all),
      kind: fc.constantFrom('clear', 'clear', 'clear', 'asSent', 'asSent', 'redaction'),
      leftMs: fc.option(fc.integer({ min: -5, max: 60 }), { nil: undefined, freq: 1 }),
      receivedMs: fc.integer({ min: 0, max: 60 }),
    }),
    { minLength: 1, maxLength: 25 },
  ),
);

/** The arrivals in one order, and in another with some of them doubled, cut into batches with pauses between. */
const twoHistories = arrivals.chain((list) =>
  fc.record({
    list: fc.constant(list),
    doubled: fc
      .subarray(list)
      .chain((again) => fc.shuffledSubarray([...list, ...again], { minLength: list.length + again.length })),
    cuts: fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }),
    pauses: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 60, maxLength: 60 }),
  }),
);

describe('F2, F3: the map is a function of what arrived and of the instant', () => {
  test('any order, batching and repetition of the arrivals gives the map of the naive model, at every instant', () => {
    fc.assert(
      fc.property(twoHistories, ({ list, doubled, cuts, pauses }) => {
        const plain = new StickyMap();
        for (const arrival of list) feed(plain, [arrival]);
        const mixed = new StickyMap();
        for (const [index, batch] of inBatches(doubled, cuts).entries()) {
          feed(mixed, batch);
          mixed.advance(pauses[index] ?? 0);
        }
        for (let nowMs = 0; nowMs <= LAST_INSTANT_MS; nowMs += 1) {
          const expected = modelEntries(list, nowMs);
          expect(plain.entries(nowMs).map(described)).toEqual(expected);
          expect(mixed.entries(nowMs).map(described)).toEqual(expected);
        }
      }),
      { numRuns: 400 },
    );
  });

  test('who adds up the changes, told at nextChangeAt() and no other time, always has the map', () => {
    fc.assert(
      fc.property(arrivals, (list) => {
        const map = new StickyMap();
        const sum = new Map<string, string>();
        map.subscribe((changes) => {
          for (const { key, before, after } of changes) {
            const text = JSON.stringify(key);
            expect(sum.get(text)).toBe(before?.eventId);
            if (after === undefined) sum.delete(text);
            else sum.set(text, after.eventId);
          }
        });
        const inTime = [...list].sort((left, right) => left.receivedMs - right.receivedMs);
        for (let nowMs = 0; nowMs <= LAST_INSTANT_MS; nowMs += 1) {
          for (const arrival of inTime) if (arrival.receivedMs === nowMs) feed(map, [arrival]);
          if ((map.nextChangeAt() ?? Infinity) <= nowMs) map.advance(nowMs);
          expect([...sum.values()].sort()).toEqual(
            map
              .entries(nowMs)
              .map(({ eventId }) => eventId)
              .sort(),
          );
        }
      }),
      { numRuns: 200 },
    );
  });

  test('who was there all the time and who came late agree, on clocks that have nothing to do with each other', () => {
    fc.assert(
      fc.property(facts, fc.integer({ min: 0, max: 60 }), (all, lateMs) => {
        // An honest server that got each event at its timestamp or at 0, and answers without delay.
        const start = (fact: StickyFact) => Math.max(fact.originServerTs, 0);
        const end = (fact: StickyFact) => Math.min(fact.originServerTs, start(fact)) + fact.durationMs;
        const early = new StickyMap();
        const late = new StickyMap();
        for (const fact of all) {
          const receivedMs = start(fact);
          if (receivedMs <= lateMs) feed(early, [{ fact, kind: 'clear', leftMs: end(fact) - receivedMs, receivedMs }]);
          if (receivedMs <= lateMs && end(fact) > lateMs) {
            feed(late, [{ fact, kind: 'clear', leftMs: end(fact) - lateMs, receivedMs: lateMs + 5000 }]);
          }
        }
        for (let nowMs = lateMs; nowMs <= LAST_INSTANT_MS; nowMs += 1) {
          expect(late.entries(nowMs + 5000).map(described)).toEqual(early.entries(nowMs).map(described));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('F8: saving and loading at any instant changes nothing that comes after', () => {
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 }), (list, saveMs, gapMs) => {
        const map = new StickyMap();
        for (const arrival of list) feed(map, [{ ...arrival, receivedMs: Math.min(arrival.receivedMs, saveMs) }]);
        const saved = JSON.parse(JSON.stringify(map.save({ nowMs: saveMs, wallMs: 1_000_000 })));
        const loaded = StickyMap.load(saved, { nowMs: 7_000, wallMs: 1_000_000 + gapMs });
        for (let laterMs = 0; laterMs <= LAST_INSTANT_MS; laterMs += 1) {
          const expected = map.entries(saveMs + gapMs + laterMs).map(described);
          expect(loaded.entries(7_000 + laterMs).map(described)).toEqual(expected);
        }
      }),
      { numRuns: 200 },
    );
  });
});

function feed(map: StickyMap, batch: readonly Arrival[]): void {
  const first = batch[0];
  if (first === undefined) return;
  const { receivedMs, fact } = first;
  if (first.kind === 'redaction') map.redact(fact.roomId, fact.eventId, receivedMs);
  else map.add(fact.roomId, batch.map(clientEvent), { receivedMs, receivedWallMs: receivedMs + WALL_OFFSET_MS });
}

/** Cuts where told to, and where the next arrival cannot be in the same response. */
function inBatches(list: readonly Arrival[], cuts: readonly boolean[]): Arrival[][] {
  const batches: Arrival[][] = [];
  for (const [index, arrival] of list.entries()) {
    const batch = batches.at(-1);
    const last = batch?.[0];
    const fits =
      last?.receivedMs === arrival.receivedMs &&
      last.fact.roomId === arrival.fact.roomId &&
      last.kind !== 'redaction' &&
      arrival.kind !== 'redaction';
    if (batch !== undefined && fits && cuts[index] !== true) batch.push(arrival);
    else batches.push([arrival]);
  }
  return batches;
}

function clientEvent({ fact, kind, leftMs }: Arrival): unknown {
  const sealed = fact.isEncrypted && kind === 'asSent';
  const key = fact.stickyKey === undefined ? {} : { msc4354_sticky_key: fact.stickyKey };
  return {
    event_id: fact.eventId,
    sender: fact.sender,
    type: sealed ? 'm.room.encrypted' : 'm.thing',
    content: sealed ? { ciphertext: 'x' } : { ...key, ...(fact.isRemoval ? {} : { value: fact.eventId }) },
    origin_server_ts: fact.originServerTs,
    msc4354_sticky: { duration_ms: fact.durationMs },
    unsigned: leftMs === undefined ? {} : { msc4354_sticky_duration_ttl_ms: leftMs },
  };
}

function modelEntries(list: readonly Arrival[], nowMs: number): string[] {
  const winners = new Map<string, StickyFact>();
  for (const fact of new Set(list.map((arrival) => arrival.fact))) {
    if (!isReadable(fact, list) || !(modelEndMs(fact, list) > nowMs)) continue;
    const text = JSON.stringify([fact.roomId, fact.sender, 'm.thing', fact.stickyKey]);
    const rival = winners.get(text);
    const margin = rival && fact.originServerTs + fact.durationMs - rival.originServerTs - rival.durationMs;
    if (rival === undefined || margin === undefined || margin > 0 || (margin === 0 && fact.eventId > rival.eventId)) {
      winners.set(text, fact);
    }
  }
  const shown = [...winners].filter(([, fact]) => !fact.isRemoval);
  return shown.sort(([left], [right]) => (left < right ? -1 : 1)).map(([text, fact]) => `${text} ${fact.eventId}`);
}

function isReadable(fact: StickyFact, list: readonly Arrival[]): boolean {
  const own = list.filter((arrival) => arrival.fact === fact);
  const isClear = own.some(({ kind }) => kind === 'clear' || (kind === 'asSent' && !fact.isEncrypted));
  return fact.stickyKey !== undefined && isClear && !own.some(({ kind }) => kind === 'redaction');
}

function modelEndMs(fact: StickyFact, list: readonly Arrival[]): number {
  const own = list.filter((arrival) => arrival.fact === fact && arrival.kind !== 'redaction');
  const said = own.flatMap(({ leftMs, receivedMs }) =>
    leftMs === undefined ? [] : [receivedMs + Math.max(0, Math.min(leftMs, fact.durationMs))],
  );
  if (said.length > 0) return Math.min(...said);
  return Math.min(
    ...own.map((arrival) => Math.min(arrival.receivedMs, fact.originServerTs - WALL_OFFSET_MS) + fact.durationMs),
  );
}

function described({ roomId, sender, type, stickyKey, eventId }: StickyEntry): string {
  return `${JSON.stringify([roomId, sender, type, stickyKey])} ${eventId}`;
}
