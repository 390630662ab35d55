import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../json.ts';
import type { RoomVersion } from '../room-version.ts';
import { powerLevelValue } from './power-level-value.ts';
import { powerLevelsOf } from './power-levels.ts';
import { roomCreators } from './room-creators.ts';
import {
  ALICE,
  ALL_VERSIONS,
  BOB,
  CAROL,
  create,
  powerLevels,
  roomVersion,
  sketched,
  stateOf,
} from './tests/test-room.ts';

function levelsOf(content: JsonObject | undefined, version: RoomVersion, createContent: JsonObject = {}) {
  const sketches = content === undefined ? [create(createContent)] : [create(createContent), powerLevels(content)];
  return powerLevelsOf(stateOf(sketches, version), version);
}

describe('powerLevelValue', () => {
  const integers: [JsonValue, number][] = [
    [0, 0],
    [-5, -5],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ];
  const written: [JsonValue, number][] = [
    ['100', 100],
    ['000100', 100],
    ['+100', 100],
    ['-100', -100],
    [' 00100 ', 100],
    ['\t-100\n', -100],
    ['-0', 0],
    [50.57, 50],
    [-50.57, -50],
    [51146.98, 51146],
    [-0.5, 0],
  ];
  const junk: JsonValue[] = [
    ...['', ' ', '1.0', '1e2', '0x10', '1_000', '--1', '+ 1', 'fifty', '٥', '9007199254740993'],
    ...[null, true, [], [50], {}, Number.POSITIVE_INFINITY, Number.NaN],
  ];

  test.each(ALL_VERSIONS.map(({ id }) => id))('v%s', (id) => {
    const version = roomVersion(id);
    for (const [value, level] of integers) expect(powerLevelValue(value, version)).toBe(level);
    for (const [value, level] of written) {
      expect(powerLevelValue(value, version)).toBe(version.requiresIntegerPowerLevels ? undefined : level);
    }
    for (const value of junk) expect(powerLevelValue(value, version)).toBeUndefined();
  });
});

describe.each(ALL_VERSIONS.map(({ id }) => id))('powerLevelsOf, v%s', (id) => {
  const version = roomVersion(id);
  const creatorLevel = version.privilegesCreators ? Number.POSITIVE_INFINITY : 100;

  test('defaults of a room without m.room.power_levels', () => {
    const levels = levelsOf(undefined, version);
    expect(levels).toMatchObject({ ban: 50, kick: 50, redact: 50, invite: 0 });
    expect([levels.levelOf(ALICE), levels.levelOf(BOB)]).toEqual([creatorLevel, 0]);
    expect([levels.requiredFor('m.room.topic', true), levels.requiredFor('m.room.message', false)]).toEqual([50, 0]);
    expect(levels.requiredToNotify('room')).toBe(50);
  });

  test('defaults of an empty m.room.power_levels', () => {
    const levels = levelsOf({}, version);
    expect(levels).toMatchObject({ ban: 50, kick: 50, redact: 50, invite: 0 });
    expect(levels.levelOf(ALICE)).toBe(version.privilegesCreators ? Number.POSITIVE_INFINITY : 0);
    expect([levels.requiredFor('m.room.topic', true), levels.requiredFor('m.room.message', false)]).toEqual([50, 0]);
  });

  test('what the event says', () => {
    const levels = levelsOf(
      {
        ...{ ban: 1, kick: 2, redact: 3, invite: 4, users_default: 5, events_default: 6, state_default: 7 },
        ...{ users: { [BOB]: -1 }, events: { 'm.room.topic': 8 }, notifications: { room: 9 } },
      },
      version,
    );
    expect(levels).toMatchObject({ ban: 1, kick: 2, redact: 3, invite: 4 });
    expect([levels.levelOf(BOB), levels.levelOf(CAROL)]).toEqual([-1, 5]);
    expect(levels.requiredFor('m.room.topic', true)).toBe(8);
    expect([levels.requiredFor('x', true), levels.requiredFor('x', false)]).toEqual([7, 6]);
    expect([levels.requiredToNotify('room'), levels.requiredToNotify('other')]).toEqual([9, 50]);
  });

  test('what is no level counts as absent, and inherited names are nobody', () => {
    const levels = levelsOf({ ban: 'no', users: { [BOB]: {} }, events: 'none', notifications: null }, version);
    expect(levels.ban).toBe(50);
    expect([levels.levelOf(BOB), levels.levelOf('constructor'), levels.levelOf('__proto__')]).toEqual([0, 0, 0]);
    expect(levels.requiredFor('toString', false)).toBe(0);
  });

  test('kept with its events, and never for others', () => {
    const withLevels = stateOf([create(), powerLevels({})], version);
    const without = stateOf([create()], version);
    expect(powerLevelsOf(withLevels, version)).toBe(powerLevelsOf(new Map(withLevels), version));
    expect(powerLevelsOf(without, version)).toBe(powerLevelsOf(without, version));
    const otherCreate = new Map(withLevels).set('m.room.create\0', sketched({ ...create(), sender: BOB }, version));
    expect(powerLevelsOf(otherCreate, version)).not.toBe(powerLevelsOf(withLevels, version));
    const other = roomVersion(id === '12' ? '11' : '12');
    const before = powerLevelsOf(withLevels, version).levelOf(ALICE);
    expect(powerLevelsOf(withLevels, other).levelOf(ALICE)).not.toBe(before);
    expect(powerLevelsOf(withLevels, version).levelOf(ALICE)).toBe(before);
  });

  test('a state without a create event has levels, but no creator', () => {
    expect(powerLevelsOf(new Map(), version).levelOf(ALICE)).toBe(0);
  });
});

describe('roomCreators', () => {
  test.each(ALL_VERSIONS.map(({ id }) => id))('v%s', (id) => {
    const version = roomVersion(id);
    const event = sketched(create({ creator: BOB, additional_creators: [CAROL] }), version);
    if (version.privilegesCreators) expect([...roomCreators(event, version)]).toEqual([ALICE, CAROL]);
    else expect([...roomCreators(event, version)]).toEqual([version.creatorIsSender ? ALICE : BOB]);
  });

  test('additional creators are above any level in v12', () => {
    const levels = levelsOf({ users_default: 7 }, roomVersion('12'), { additional_creators: [CAROL] });
    expect(levels.levelOf(CAROL)).toBe(Number.POSITIVE_INFINITY);
    expect(levels.levelOf(BOB)).toBe(7);
  });
});
