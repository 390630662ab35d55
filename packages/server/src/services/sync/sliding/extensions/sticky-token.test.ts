import { expect, test } from 'vitest';
import { MAX_NAMED_ROOMS, progressAfter, type RoomProgress, type StickyProgress } from './sticky-progress.ts';
import { formatStickyToken, parseStickyToken } from './sticky-token.ts';

const HERE = { databaseTag: 'abc123', current: new Map([[1, 1_000_000]]) };

function progress(rooms: StickyProgress['rooms']): StickyProgress {
  return { writer: 1, seenUpTo: 900_000, mark: 800_000, rooms };
}

test('C10: a token says where each room stands, and takes four characters for a room', () => {
  const rooms = new Map<number, RoomProgress>();
  for (let index = 0; index < 1_000; index += 1) rooms.set(100 + index * 50, { mark: 7, delivered: [] });
  rooms.set(3, { mark: 0, delivered: [] });
  rooms.set(99, { mark: 5, delivered: [6, 40, 799_999] });
  const some = progress(rooms);
  const text = formatStickyToken(some, HERE.databaseTag);
  expect(text.length).toBeLessThan(4_100);
  const read = parseStickyToken(text, HERE);
  expect(read).toMatchObject({ writer: 1, seenUpTo: 900_000, mark: 800_000 });
  expect(new Map([...(read?.rooms ?? [])].sort(([left], [right]) => left - right))).toEqual(
    new Map([...some.rooms].sort(([left], [right]) => left - right)),
  );
});

test('C10: whatever timelines deliver ahead, a token that is given out is taken back', () => {
  const rooms = Array.from({ length: 2_000 }, (_, index) => {
    return { nid: 1_000_000 + index * 1_000, joinedPosition: 1, isCovered: true, isInitial: false };
  });
  const ahead = (nid: number) => Array.from({ length: 100 }, (_, index) => 1_000 + index * 5_000_000 + nid);
  const given = {
    ...{ rooms, reached: 500, seenUpTo: 900_000_000 },
    inTimelines: new Map(rooms.map(({ nid }) => [nid, ahead(nid)])),
    hasDueAfter: () => true,
  };
  const next = progressAfter({ writer: 1, seenUpTo: 400, mark: 400, rooms: new Map() }, given);
  const text = formatStickyToken(next, HERE.databaseTag);
  expect(parseStickyToken(text, { ...HERE, current: new Map([[1, 900_000_000]]) })?.rooms).toEqual(next.rooms);
});

test('C10: a token of a database that is no more counts as none: its client could not get rid of it', () => {
  const text = formatStickyToken(progress(new Map()), HERE.databaseTag);
  expect(parseStickyToken(text, HERE)).toBeDefined();
  expect(parseStickyToken(text, { ...HERE, databaseTag: 'other1' })).toBeUndefined();
  expect(parseStickyToken(text, { ...HERE, current: new Map([[1, 899_999]]) })).toBeUndefined();
  expect(parseStickyToken(text, { ...HERE, current: new Map() })).toBeUndefined();
});

test.each([
  ['x'],
  ['s1_abc123_1-1'],
  ['e1'],
  ['e1_abc123'],
  ['e1_abc123_1.2'],
  ['e1_abc123_1.2.3.4'],
  ['e1_abc123_1.2.-3'],
  ['e1_abc123_1.2.3_'],
  ['e1_abc123_1.2.3_m'],
  ['e1_abc123_1.2.3_m1'],
  ['e1_abc123_1.2.3_m1.x y'],
  ['e1_abc123_1.2.3_r1'],
  ['e1_abc123_1.2.3_x1.2.3'],
  ['e1_abc123_1.2.3_r1.2.zzzzzzzzzzz'],
  [`e1_abc123_1.2.3_m1${'.1'.repeat(MAX_NAMED_ROOMS + 1)}`],
  [`e1_abc123_1.2.3_m1.${'1'.repeat(500_000)}`],
])('C10: %.40s is no token', (text) => {
  expect(() => parseStickyToken(text, HERE)).toThrow(expect.objectContaining({ errcode: 'M_INVALID_PARAM' }));
});
