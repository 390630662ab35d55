import { describe, expect, test } from 'vitest';
import { type StickyChange, StickyMap } from './sticky-map.ts';
import { REMEMBERED_FOR_MS } from './sticky-record.ts';

const HOUR_MS = 3_600_000;
const room = '!room:a';
const place = { roomId: room, sender: '@alice:a', type: 'm.rtc.member', stickyKey: 'PHONE' };

interface Made {
  ts?: number;
  durationMs?: number;
  leftMs?: number | undefined;
  content?: unknown;
  [more: string]: unknown;
}

/** An event of Alice's; it has its whole duration left unless `leftMs` says otherwise (`undefined`: not said). */
function event(eventId: string, made: Made = {}): Record<string, unknown> {
  const { ts = 1000, durationMs = 60_000, content = { sticky_key: 'PHONE', from: eventId }, ...more } = made;
  const leftMs = 'leftMs' in made ? made.leftMs : durationMs;
  delete more.leftMs;
  return {
    event_id: eventId,
    type: 'm.rtc.member',
    sender: '@alice:a',
    origin_server_ts: ts,
    content,
    msc4354_sticky: { duration_ms: durationMs },
    unsigned: leftMs === undefined ? {} : { msc4354_sticky_duration_ttl_ms: leftMs },
    ...more,
  };
}

function valueAt(map: StickyMap, nowMs: number): string | undefined {
  return map.get(place, nowMs)?.eventId;
}

function told(changes: readonly StickyChange[]): string[] {
  return changes.map(({ key, before, after }) => `${key.stickyKey}: ${before?.eventId} -> ${after?.eventId}`);
}

describe('F1: keys', () => {
  test('room, sender, type and sticky key each make another entry', () => {
    const map = new StickyMap();
    map.add(room, [event('$1'), event('$2', { sender: '@bob:a' }), event('$3', { type: 'm.other' })], {
      receivedMs: 0,
    });
    map.add(room, [event('$4', { content: { msc4354_sticky_key: 'TABLET', x: 1 } })], { receivedMs: 0 });
    map.add('!other:a', [event('$5')], { receivedMs: 0 });
    expect(map.entries(0).map((entry) => entry.eventId)).toHaveLength(5);
    expect(valueAt(map, 0)).toBe('$1');
    expect(map.entries(0, { roomId: room, type: 'm.rtc.member' }).map((entry) => entry.eventId)).toEqual([
      '$1',
      '$4',
      '$2',
    ]);
  });

  test('ordinary, keyless and misshapen events are passed over', () => {
    const map = new StickyMap();
    const events = [
      event('$1', { content: { body: 'sticky, but without a key' } }),
      event('$2', { msc4354_sticky: { duration_ms: 'long' } }),
      event('$3', { sender: 7 }),
      event('$4', { origin_server_ts: null }),
      event('$5', { content: ['sticky_key'] }),
      event('$6', { event_id: undefined }),
      null,
      'text',
      [],
    ];
    expect(map.add(room, events, { receivedMs: 0 })).toEqual([]);
    expect(map.entries(0)).toEqual([]);
    expect(map.nextChangeAt()).toBeUndefined();
  });

  test('an encrypted event enters with its decrypted form, and ends when the server said at its arrival', () => {
    const map = new StickyMap();
    const encrypted = event('$1', { type: 'm.room.encrypted', content: { ciphertext: 'x', sticky_key: 'FAKE' } });
    expect(map.add(room, [encrypted], { receivedMs: 0 })).toEqual([]);
    // The caller forgot that 50 seconds went by: the first receipt still counts.
    expect(told(map.add(room, [event('$1')], { receivedMs: 50_000 }))).toEqual(['PHONE: undefined -> $1']);
    expect(valueAt(map, 59_999)).toBe('$1');
    expect(valueAt(map, 60_000)).toBeUndefined();
    map.add(room, [encrypted], { receivedMs: 55_000 });
    expect(valueAt(map, 59_999)).toBe('$1');
  });
});

describe('F3: expiry', () => {
  test('counts down what the server said was left, whatever the wall clock and the timestamps say', () => {
    const map = new StickyMap();
    map.add(room, [event('$1', { ts: 5, leftMs: 20_000 })], { receivedMs: 100, receivedWallMs: 9e12 });
    expect(valueAt(map, 20_099)).toBe('$1');
    expect(valueAt(map, 20_100)).toBeUndefined();
  });

  test('falls back to an older winner that lives longer, and to the late comer who never had the first', () => {
    const map = new StickyMap();
    map.add(room, [event('$old', { leftMs: 50_000 }), event('$new', { ts: 2000, leftMs: 10_000 })], { receivedMs: 0 });
    expect([valueAt(map, 9_999), valueAt(map, 10_000), valueAt(map, 50_000)]).toEqual(['$new', '$old', undefined]);
  });

  test('the least late of several answers counts, in either order', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const map = new StickyMap();
      const answers = [
        { leftMs: 30_000, receivedMs: 0 },
        { leftMs: 15_000, receivedMs: 14_000 },
      ];
      for (const index of order) {
        const answer = answers[index];
        if (answer) map.add(room, [event('$1', { leftMs: answer.leftMs })], { receivedMs: answer.receivedMs });
      }
      expect(map.get(place, 20_000)?.endMs).toBe(29_000);
    }
  });

  test('without word from the server nor a wall clock, an event counts as expired', () => {
    const map = new StickyMap();
    map.add(room, [event('$1', { leftMs: undefined })], { receivedMs: 0 });
    expect(valueAt(map, 0)).toBeUndefined();
  });

  test('without word from the server, the wall clock decides, a future timestamp held down to the receipt', () => {
    const map = new StickyMap();
    const receipt = { receivedMs: 0, receivedWallMs: 31_000 };
    map.add(room, [event('$1', { leftMs: undefined })], receipt);
    expect(map.get(place, 0)?.endMs).toBe(30_000);
    map.add(room, [event('$2', { ts: 9e12, leftMs: undefined })], receipt);
    expect(map.get(place, 0)?.endMs).toBe(60_000);
  });

  test('the word of the server replaces the wall clock, and silence does not take it back', () => {
    const map = new StickyMap();
    map.add(room, [event('$1', { leftMs: undefined })], { receivedMs: 0, receivedWallMs: 60_000 });
    expect(map.get(place, 0)?.endMs).toBe(1_000);
    map.add(room, [event('$1', { leftMs: 40_000 })], { receivedMs: 0 });
    map.add(room, [event('$1', { leftMs: undefined })], { receivedMs: 5, receivedWallMs: 60_000 });
    map.add(room, [event('$1', { leftMs: undefined })], { receivedMs: 6 });
    expect(map.get(place, 0)?.endMs).toBe(40_000);
  });

  test('no answer makes an event last longer than it asked for', () => {
    const map = new StickyMap();
    map.add(room, [event('$1', { durationMs: 10_000, leftMs: 9e12 })], { receivedMs: 0 });
    expect(map.get(place, 0)?.endMs).toBe(10_000);
  });

  test('a clock that reads no number is refused', () => {
    const map = new StickyMap();
    expect(() => map.add(room, [event('$1')], { receivedMs: Number.NaN })).toThrow(RangeError);
    expect(() => map.add(room, [], { receivedMs: 0, receivedWallMs: Number.NaN })).toThrow(RangeError);
    expect(() => map.advance(Infinity)).toThrow(RangeError);
    expect(() => map.save({ nowMs: 0, wallMs: Number.NaN })).toThrow(RangeError);
    expect(() => StickyMap.load(map.save({ nowMs: 0, wallMs: 0 }), { nowMs: 0, wallMs: Number.NaN })).toThrow(
      RangeError,
    );
    expect(map.entries(0)).toEqual([]);
  });
});

describe('F4: removal', () => {
  test('reads as absent, and goes on winning until it expires', () => {
    const map = new StickyMap();
    map.add(room, [event('$value', { leftMs: 50_000 })], { receivedMs: 0 });
    const removal = event('$gone', { ts: 2000, leftMs: 40_000, content: { sticky_key: 'PHONE' } });
    expect(told(map.add(room, [removal], { receivedMs: 0 }))).toEqual(['PHONE: $value -> undefined']);
    expect(map.entries(0)).toEqual([]);
    expect(map.nextChangeAt()).toBe(40_000);
    expect(told(map.advance(40_000))).toEqual(['PHONE: undefined -> $value']);
  });

  test('an older removal does not remove a newer value', () => {
    const map = new StickyMap();
    map.add(room, [event('$value', { ts: 2000 })], { receivedMs: 0 });
    expect(map.add(room, [event('$gone', { content: { msc4354_sticky_key: 'PHONE' } })], { receivedMs: 0 })).toEqual(
      [],
    );
    expect(valueAt(map, 0)).toBe('$value');
  });
});

describe('F5, A3: redaction', () => {
  test('gives the key to the best of the rest', () => {
    const map = new StickyMap();
    map.add(room, [event('$1'), event('$2', { ts: 2000 }), event('$3', { ts: 3000 })], { receivedMs: 0 });
    expect(told(map.redact(room, '$3', 1))).toEqual(['PHONE: $3 -> $2']);
    expect(map.redact(room, '$1', 1)).toEqual([]);
    expect(told(map.redact(room, '$2', 1))).toEqual(['PHONE: $2 -> undefined']);
  });

  test('works before its event has arrived, in that room alone', () => {
    const map = new StickyMap();
    map.redact(room, '$1', 0);
    expect(map.add(room, [event('$1')], { receivedMs: 1 })).toEqual([]);
    expect(told(map.add('!other:a', [event('$1')], { receivedMs: 1 }))).toEqual(['PHONE: undefined -> $1']);
  });

  test('is known from the redacted form of the event', () => {
    const map = new StickyMap();
    map.add(room, [event('$1')], { receivedMs: 0 });
    const redacted = { event_id: '$1', content: {}, unsigned: { redacted_because: { event_id: '$r' } } };
    expect(told(map.add(room, [redacted], { receivedMs: 1 }))).toEqual(['PHONE: $1 -> undefined']);
    expect(map.add(room, [event('$1')], { receivedMs: 2 })).toEqual([]);
  });
});

test('F6: an unauthorised write is kept, and hides what it wins over for whoever filters', () => {
  const map = new StickyMap();
  map.add(room, [event('$1'), event('$2', { sender: '@bob:a' })], { receivedMs: 0 });
  const levels: Record<string, number> = { '@alice:a': 50 };
  const accept = ({ sender }: { sender: string }) => (levels[sender] ?? 0) >= 50;
  expect(map.entries(0, { accept }).map((entry) => entry.eventId)).toEqual(['$1']);
  levels['@bob:a'] = 50;
  expect(map.entries(0, { accept }).map((entry) => entry.eventId)).toEqual(['$1', '$2']);
});

describe('changes', () => {
  test('are told to every listener once, expiry included, until it stops', () => {
    const map = new StickyMap();
    const heard: string[] = [];
    const stop = map.subscribe((changes) => heard.push(...told(changes)));
    map.add(room, [event('$1', { leftMs: 10_000 })], { receivedMs: 0 });
    map.add(room, [event('$1', { leftMs: 10_000 })], { receivedMs: 0 });
    expect(map.nextChangeAt()).toBe(10_000);
    map.advance(9_999);
    map.advance(10_000);
    map.advance(10_001);
    expect(heard).toEqual(['PHONE: undefined -> $1', 'PHONE: $1 -> undefined']);
    stop();
    map.add(room, [event('$2')], { receivedMs: 10_001 });
    expect(heard).toHaveLength(2);
  });

  test('of expiry are found when other events arrive, too', () => {
    const map = new StickyMap();
    map.add(room, [event('$1', { leftMs: 10_000 })], { receivedMs: 0 });
    const other = event('$2', { content: { sticky_key: 'TABLET', x: 1 } });
    expect(told(map.add(room, [other], { receivedMs: 10_000 })).sort()).toEqual([
      'PHONE: $1 -> undefined',
      'TABLET: undefined -> $2',
    ]);
  });

  test('of leaving a room take out that room only', () => {
    const map = new StickyMap();
    map.add(room, [event('$1')], { receivedMs: 0 });
    map.add('!other:a', [event('$2')], { receivedMs: 0 });
    expect(told(map.removeRoom(room))).toEqual(['PHONE: $1 -> undefined']);
    expect(map.entries(0).map((entry) => entry.eventId)).toEqual(['$2']);
  });
});

test('an expired event is not brought back by a late answer, and is forgotten in the end', () => {
  const map = new StickyMap();
  map.add(room, [event('$1', { leftMs: 10_000 })], { receivedMs: 0 });
  map.redact(room, '$2', 0);
  map.advance(HOUR_MS);
  expect(map.add(room, [event('$1', { leftMs: 10_000 })], { receivedMs: HOUR_MS })).toEqual([]);
  map.advance(REMEMBERED_FOR_MS);
  expect(told(map.add(room, [event('$2')], { receivedMs: REMEMBERED_FOR_MS }))).toEqual(['PHONE: undefined -> $2']);
});

test.each([
  [0, HOUR_MS],
  [HOUR_MS, 0],
])('an event is remembered from the latest word of it, also when that is fed first (%d, %d)', (firstMs, secondMs) => {
  const map = new StickyMap();
  map.redact(room, '$1', firstMs);
  map.redact(room, '$1', secondMs);
  map.advance(REMEMBERED_FOR_MS);
  expect(map.add(room, [event('$1')], { receivedMs: REMEMBERED_FOR_MS })).toEqual([]);
});
