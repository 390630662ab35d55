import { expect, test } from 'vitest';
import { StickyMap } from './sticky-map.ts';
import { REMEMBERED_FOR_MS } from './sticky-record.ts';

const room = '!room:a';
const WALL_MS = 1_760_000_000_000;

function event(eventId: string, leftMs: number | undefined, type = 'm.rtc.member'): unknown {
  const unsigned = leftMs === undefined ? {} : { sticky_duration_remaining_ms: leftMs };
  const content = { sticky_key: eventId, value: eventId };
  return {
    event_id: eventId,
    type,
    sender: '@alice:a',
    origin_server_ts: WALL_MS,
    content,
    sticky: { duration_ms: 60_000 },
    unsigned,
  };
}

function savedAndLoaded(map: StickyMap, saved: { nowMs: number; wallMs: number }, nowMs: number, wallMs: number) {
  return StickyMap.load(JSON.parse(JSON.stringify(map.save(saved))), { nowMs, wallMs });
}

function eventIds(map: StickyMap, nowMs: number): string[] {
  return map.entries(nowMs).map((entry) => entry.eventId);
}

test('F8: what was unexpired is there again, on another monotonic clock, with what is still left', () => {
  const map = new StickyMap();
  map.add(room, [event('$1', 10_000), event('$2', 30_000), event('$3', 50_000)], { receivedMs: 500_000 });
  const loaded = savedAndLoaded(map, { nowMs: 510_000, wallMs: WALL_MS }, 7, WALL_MS + 25_000);
  expect(eventIds(loaded, 7)).toEqual(['$3']);
  expect(loaded.nextChangeAt()).toBe(15_007);
  expect(loaded.entries(7)[0]).toEqual({ ...map.entries(510_000)[1], endMs: 15_007 });
  expect(eventIds(loaded, 15_007)).toEqual([]);
});

test('F8: no expired entry is saved, and none is loaded', () => {
  const map = new StickyMap();
  map.add(room, [event('$1', 10_000), event('$2', 30_000)], { receivedMs: 0 });
  const saved = map.save({ nowMs: 10_000, wallMs: WALL_MS });
  expect(JSON.stringify(saved)).not.toContain('$1');
  const loaded = StickyMap.load(saved, { nowMs: 0, wallMs: WALL_MS + 20_000 });
  // Asked about an instant before the loading, the map would show what it holds.
  expect(loaded.entries(-60_000)).toEqual([]);
});

test('F8: a redaction is kept, for as long as it would have been', () => {
  const map = new StickyMap();
  map.redact(room, '$1', 0);
  const loaded = savedAndLoaded(map, { nowMs: 1000, wallMs: WALL_MS }, 0, WALL_MS + 1000);
  expect(loaded.save({ nowMs: 0, wallMs: 0 }).records[0]?.remainingMs).toBe(REMEMBERED_FOR_MS - 2000);
  loaded.add(room, [event('$1', 60_000)], { receivedMs: 0 });
  expect(eventIds(loaded, 0)).toEqual([]);
  const reloaded = savedAndLoaded(map, { nowMs: 1000, wallMs: WALL_MS }, 0, WALL_MS + REMEMBERED_FOR_MS - 1000);
  expect(reloaded.save({ nowMs: 0, wallMs: 0 }).records).toEqual([]);
});

test('F8: losers and undecrypted events are kept as well', () => {
  const map = new StickyMap();
  map.add(room, [event('$1', 10_000, 'm.room.encrypted')], { receivedMs: 0 });
  const loaded = savedAndLoaded(map, { nowMs: 4000, wallMs: WALL_MS }, 0, WALL_MS + 1000);
  // Decrypted at last; what the client kept of `unsigned` is stale by now.
  loaded.add(room, [event('$1', 10_000)], { receivedMs: 0 });
  expect(loaded.entries(0)[0]?.endMs).toBe(5000);
});

test('F8: an end by the wall clock stays one: the word of the server replaces it after loading', () => {
  const map = new StickyMap();
  map.add(room, [event('$1', undefined)], { receivedMs: 0, receivedWallMs: WALL_MS + 55_000 });
  const loaded = savedAndLoaded(map, { nowMs: 0, wallMs: WALL_MS + 55_000 }, 0, WALL_MS + 55_000);
  expect(loaded.entries(0)[0]?.endMs).toBe(5000);
  loaded.add(room, [event('$1', 20_000)], { receivedMs: 0 });
  expect(loaded.entries(0)[0]?.endMs).toBe(20_000);
});

test('F8: a wall clock set back in between adds nothing to what is left', () => {
  const map = new StickyMap();
  map.add(room, [event('$1', 10_000)], { receivedMs: 0 });
  const loaded = savedAndLoaded(map, { nowMs: 4000, wallMs: WALL_MS }, 0, WALL_MS - 9_000_000);
  expect(loaded.nextChangeAt()).toBe(6000);
});

test.each([
  ['nothing', undefined],
  ['another version', { version: 2, savedWallMs: 0, records: [] }],
  ['no time', { version: 1, records: [] }],
  ['records of another shape', { version: 1, savedWallMs: 0, records: [{ roomId: 1 }] }],
  [
    'a write of another shape',
    {
      version: 1,
      savedWallMs: 0,
      records: [{ roomId: '!r', eventId: '$1', write: {}, remainingMs: 1, announced: true, redacted: false }],
    },
  ],
])('%s is refused, not taken for an empty map', (_what, saved) => {
  expect(() => StickyMap.load(saved, { nowMs: 0, wallMs: 0 })).toThrow('not a sticky map');
});
