import { describe, expect, test } from 'vitest';
import { StickyMap } from './sticky-map.ts';

/**
 * The examples of MSC4354's addendum on the ephemeral map: two time diagrams of one key written twice, and the server
 * that was offline. S is the first event, S2 the one the proposal calls S'.
 */
const room = '!room:hs1';
const place = { roomId: room, sender: '@alice:hs1', type: 'm.rtc.member', stickyKey: 'LAPTOP' };
const MINUTE_MS = 60_000;

interface Sent {
  readonly eventId: string;
  readonly sentMs: number;
  readonly durationMs: number;
}

/** The event as a server whose clock starts at 0 hands it out at `nowMs`; `undefined` once it has expired. */
function answered(sent: Sent, nowMs: number): unknown {
  const remainingMs = sent.sentMs + sent.durationMs - nowMs;
  if (remainingMs <= 0) return undefined;
  return {
    event_id: sent.eventId,
    type: place.type,
    sender: place.sender,
    origin_server_ts: sent.sentMs,
    sticky: { duration_ms: sent.durationMs },
    content: { sticky_key: place.stickyKey, call: sent.eventId },
    unsigned: { sticky_duration_remaining_ms: remainingMs },
  };
}

/** What a client holds at `nowMs` that got the events in this order, each as soon as it was sent. */
function heldBy(seen: readonly Sent[], nowMs: number): string {
  const map = new StickyMap();
  for (const sent of seen) map.add(room, [answered(sent, sent.sentMs)], { receivedMs: sent.sentMs });
  return map.get(place, nowMs)?.eventId ?? '_';
}

/** Clients that saw neither, only the first, only the second, both, and both the wrong way round. */
function heldByAll(first: Sent, second: Sent, nowMs: number): string[] {
  return [[], [first], [second], [first, second], [second, first]].map((seen) => heldBy(seen, nowMs));
}

describe('the time diagrams: two writes of one key', () => {
  test('with one duration, the second outlives the first: in the end clients hold it or nothing', () => {
    const first = { eventId: 'S', sentMs: 0, durationMs: 12 * MINUTE_MS };
    const second = { eventId: 'S2', sentMs: 5 * MINUTE_MS, durationMs: 12 * MINUTE_MS };
    expect(heldByAll(first, second, 10 * MINUTE_MS)).toEqual(['_', 'S', 'S2', 'S2', 'S2']);
    expect(heldByAll(first, second, 15 * MINUTE_MS)).toEqual(['_', '_', 'S2', 'S2', 'S2']);
    expect(heldByAll(first, second, 17 * MINUTE_MS)).toEqual(['_', '_', '_', '_', '_']);
  });

  test('with a shorter second, the first outlives and outranks it: in the end clients hold the older one', () => {
    const first = { eventId: 'S', sentMs: 0, durationMs: 15 * MINUTE_MS };
    const second = { eventId: 'S2', sentMs: 5 * MINUTE_MS, durationMs: 5 * MINUTE_MS };
    expect(heldByAll(first, second, 8 * MINUTE_MS)).toEqual(['_', 'S', 'S2', 'S', 'S']);
    expect(heldByAll(first, second, 12 * MINUTE_MS)).toEqual(['_', 'S', '_', 'S', 'S']);
    expect(heldByAll(first, second, 15 * MINUTE_MS)).toEqual(['_', '_', '_', '_', '_']);
  });
});

describe('the offline server: HS2 has S, is cut off when HS1 sends S2, and comes back', () => {
  const first = { eventId: 'S', sentMs: 0, durationMs: 60 * MINUTE_MS };
  const second = { eventId: 'S2', sentMs: 10 * MINUTE_MS, durationMs: 60 * MINUTE_MS };

  /** A client of HS2, whose wall clock is years off and whose monotonic clock started long before. */
  function clientOfHs2(): { map: StickyMap; at: (minutes: number) => number } {
    const at = (minutes: number) => 86_400_000 + minutes * MINUTE_MS;
    const map = new StickyMap();
    map.add(room, [answered(first, 0)], { receivedMs: at(0), receivedWallMs: 5 });
    return { map, at };
  }

  test('after S2 has expired: the client has let go of S by itself, and agrees with those of HS1', () => {
    const { map, at } = clientOfHs2();
    expect(map.nextChangeAt()).toBe(at(60));
    expect(map.get(place, at(59))?.eventId).toBe('S');
    expect(map.advance(at(60)).map(({ before, after }) => [before?.eventId, after?.eventId])).toEqual([
      ['S', undefined],
    ]);
    expect(answered(second, 71 * MINUTE_MS)).toBeUndefined();
    expect(map.get(place, at(71))).toBeUndefined();
    expect(heldBy([first, second], 71 * MINUTE_MS)).toBe('_');
  });

  test('while both are sticky: S2 takes over from S', () => {
    const { map, at } = clientOfHs2();
    map.add(room, [answered(second, 30 * MINUTE_MS)], { receivedMs: at(30), receivedWallMs: 6 });
    for (const minutes of [30, 59, 60, 69, 70]) {
      expect(map.get(place, at(minutes))?.eventId ?? '_').toBe(heldBy([first, second], minutes * MINUTE_MS));
    }
  });

  test('after S has expired: S2 appears with what is left of it', () => {
    const { map, at } = clientOfHs2();
    map.advance(at(65));
    map.add(room, [answered(second, 65 * MINUTE_MS)], { receivedMs: at(65) });
    expect(map.get(place, at(65))?.eventId).toBe('S2');
    expect(map.nextChangeAt()).toBe(at(70));
    expect(map.get(place, at(70))).toBeUndefined();
  });
});
