import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../json.ts';
import type { RoomVersion } from '../room-version.ts';
import { authorizeEvent } from './authorize-event.ts';
import { powerLevelsOf } from './power-levels.ts';
import {
  ALICE,
  ALL_VERSIONS,
  BOB,
  CAROL,
  create,
  joinRules,
  member,
  powerLevels,
  type RuleCase,
  roomVersion,
  ruleOf,
  sketched,
  stateOf,
  testRules,
} from './tests/test-room.ts';

/** The number of a rule on power levels that is 10.n in v12: v10 added the first two, v12 the fourth. */
function levelRule(number: number, rest = ''): (version: RoomVersion) => string {
  return (version) => {
    const added = version.privilegesCreators ? 0 : number > 4 ? 1 : 0;
    return ruleOf(10, `.${number - added - (version.requiresIntegerPowerLevels ? 0 : 2)}${rest}`)(version);
  };
}

const isStrict = (version: RoomVersion) => version.requiresIntegerPowerLevels;
const isLenient = (version: RoomVersion) => !version.requiresIntegerPowerLevels;
const SINGLE_LEVELS = ['users_default', 'events_default', 'state_default', 'ban', 'redact', 'kick', 'invite'];

/** Bob, at level 50, may change power levels; so says everything that stood before. */
const BASE = { users: { [BOB]: 50 }, events: { 'm.room.power_levels': 50 } };

function changeByBob(before: JsonObject, after: JsonObject) {
  const state = [member(BOB, 'join'), powerLevels({ ...BASE, ...before })];
  return { state, event: powerLevels({ ...BASE, ...after }, BOB) };
}

describe('rules 10.1 to 10.3: the shape', () => {
  const bad: JsonValue[] = ['50', 'fifty', null, [], {}, true, 2 ** 53];
  testRules([
    ...SINGLE_LEVELS.flatMap((key) => bad.map((value) => strictCase(1, { [key]: value }))),
    ...['events', 'notifications'].flatMap((key) => bad.map((value) => strictCase(2, { [key]: { any: value } }))),
    ...['events', 'notifications'].flatMap((key) => ['x', null, [], 1].map((value) => strictCase(2, { [key]: value }))),
    ...bad.map((value) => strictCase(3, { users: { [BOB]: value } })),
    ...['x', null, [], 1].map((users) => usersCase({ users }, /is not an object/)),
    ...['bob', '@bob', '', '@bob:', 'bob:home.test'].map((id) => usersCase({ users: { [id]: 1 } }, /is not a user ID/)),
    ...['fifty', '1.5', null, {}].map((level) => usersCase({ users: { [BOB]: level } }, /is not an integer/)),
    {
      rule: levelRule(5),
      story: 'levels in strings before v10',
      when: isLenient,
      event: powerLevels({ ban: '50', events: { x: ' +5 ' }, users: { [BOB]: '-100' } }),
    },
    {
      rule: levelRule(3),
      story: 'a number beyond all doubles',
      when: isLenient,
      event: powerLevels({ ban: Number.POSITIVE_INFINITY }),
      refused: /ban of m.room.power_levels is not an integer/,
    },
    { rule: levelRule(5), story: 'fractions', when: isLenient, event: powerLevels({ users: { [BOB]: 50.57 } }) },
    { rule: levelRule(5), story: 'no users', event: powerLevels({}) },
  ]);
});

function strictCase(number: number, content: JsonObject): RuleCase {
  const refused = /is not an (integer|object)/;
  return {
    rule: levelRule(number),
    story: JSON.stringify(content),
    when: isStrict,
    event: powerLevels(content),
    refused,
  };
}

function usersCase(content: JsonObject, refused: RegExp): RuleCase {
  return { rule: levelRule(3), story: JSON.stringify(content), event: powerLevels(content), refused };
}

describe('rule 10.4 of v12: creators have no entry', () => {
  const when = (version: RoomVersion) => version.privilegesCreators;
  const state = [create({ additional_creators: [CAROL] }), joinRules('public')];
  testRules([
    {
      rule: levelRule(4),
      story: 'the sender of the create event',
      when,
      state,
      event: powerLevels({ users: { [ALICE]: 100 } }),
      refused: /@alice:home.test created the room/,
    },
    {
      rule: levelRule(4),
      story: 'an additional creator',
      when,
      state,
      event: powerLevels({ users: { [BOB]: 100, [CAROL]: 100 } }),
      refused: /@carol:away.test created the room/,
    },
    { rule: levelRule(5), story: 'anybody else', when, state, event: powerLevels({ users: { [BOB]: 100 } }) },
    {
      rule: levelRule(5),
      story: 'the creator before v12',
      when: (version) => !version.privilegesCreators,
      event: powerLevels({ users: { [ALICE]: 100 } }),
    },
  ]);
});

describe('rule 10.5: the first power levels', () => {
  const wild = { ban: 1_000_000, users: { [BOB]: 1_000_000 }, events: { x: 1_000_000 } };
  testRules([{ rule: levelRule(5), story: 'may say anything', event: powerLevels(wild) }]);
});

describe('rule 10.6: single levels', () => {
  const rule = (rest: string) => levelRule(6, rest);
  testRules(
    SINGLE_LEVELS.flatMap((key): RuleCase[] => [
      {
        rule: rule('.1'),
        story: `${key} from 51`,
        ...changeByBob({ [key]: 51 }, { [key]: 50 }),
        refused: above(key, 51),
      },
      { rule: rule('.1'), story: `${key} of 51 removed`, ...changeByBob({ [key]: 51 }, {}), refused: above(key, 51) },
      { rule: rule('.2'), story: `${key} to 51`, ...changeByBob({ [key]: 50 }, { [key]: 51 }), refused: newAbove(key) },
      { rule: rule('.2'), story: `${key} added as 51`, ...changeByBob({}, { [key]: 51 }), refused: newAbove(key) },
      { rule: levelRule(11), story: `${key} within reach`, ...changeByBob({ [key]: 50 }, { [key]: 49 }) },
      { rule: levelRule(11), story: `${key} added within reach`, ...changeByBob({}, { [key]: 50 }) },
      { rule: levelRule(11), story: `${key} of 51 left alone`, ...changeByBob({ [key]: 51 }, { [key]: 51 }) },
      {
        rule: levelRule(11),
        story: `${key} of 51 written another way`,
        when: isLenient,
        ...changeByBob({ [key]: 51 }, { [key]: ' 051' }),
      },
    ]),
  );
  testRules([
    {
      rule: rule(''),
      story: 'before v10, what is no level once there is something to compare it with',
      when: isLenient,
      ...changeByBob({}, { ban: 'fifty' }),
      refused: /ban of m.room.power_levels is not an integer/,
    },
    {
      rule: levelRule(11),
      story: 'a creator changes what nobody else could',
      when: (version) => version.privilegesCreators,
      state: [powerLevels({ ban: 1000, users: { [BOB]: 1000 } })],
      event: powerLevels({ ban: 2000 }),
    },
  ]);
});

function above(key: string, level: number): RegExp {
  return new RegExp(`The level of ${key} is ${level}, above the sender's 50`);
}

function newAbove(key: string): RegExp {
  return new RegExp(`The new level of ${key} is 51, above the sender's 50`);
}

describe('rules 10.7 and 10.8: events and notifications', () => {
  const inEvents = (level?: number) => ({
    events: { ...BASE.events, ...(level === undefined ? {} : { x: level }) },
  });
  const inNotifications = (level?: number) => ({ notifications: level === undefined ? {} : { x: level } });
  const hasNotifications = (version: RoomVersion) => version.authorizesNotificationLevels;
  for (const { name, holding, when } of [
    { name: 'events', holding: inEvents, when: () => true },
    { name: 'notifications', holding: inNotifications, when: hasNotifications },
  ]) {
    const change = (before?: number, after?: number) => changeByBob(holding(before), holding(after));
    testRules([
      { rule: levelRule(7, '.1'), story: `${name} from 51`, when, ...change(51, 50), refused: above('x', 51) },
      { rule: levelRule(7, '.1'), story: `${name} of 51 removed`, when, ...change(51), refused: above('x', 51) },
      { rule: levelRule(8, '.1'), story: `${name} to 51`, when, ...change(50, 51), refused: newAbove('x') },
      {
        rule: levelRule(8, '.1'),
        story: `${name} added as 51`,
        when,
        ...change(undefined, 51),
        refused: newAbove('x'),
      },
      { rule: levelRule(11), story: `${name} within reach`, when, ...change(50, 49) },
      { rule: levelRule(11), story: `${name} removed within reach`, when, ...change(50) },
      { rule: levelRule(11), story: `${name} of 51 left alone`, when, ...change(51, 51) },
    ]);
  }
  testRules([
    {
      rule: levelRule(11),
      story: 'notifications are not looked at before v6',
      when: (version) => !hasNotifications(version),
      ...changeByBob(inNotifications(51), inNotifications(1000)),
    },
    {
      rule: levelRule(8),
      story: 'before v10, entries that are no object',
      when: isLenient,
      ...changeByBob({}, { events: [] }),
      refused: /events of m.room.power_levels is not an object/,
    },
  ]);
});

describe('rules 10.9 and 10.10: users', () => {
  const users = (carol?: number, bob?: number) => ({
    users: { ...(bob === undefined ? {} : { [BOB]: bob }), ...(carol === undefined ? {} : { [CAROL]: carol }) },
  });
  const change = (before?: number, after?: number) => changeByBob(users(before, 50), users(after, 50));
  const notLower = (level: number) => new RegExp(`@carol:away.test has power level ${level}, not lower`);
  testRules([
    { rule: levelRule(9, '.1'), story: 'an equal is lowered', ...change(50, 49), refused: notLower(50) },
    { rule: levelRule(9, '.1'), story: 'an equal is removed', ...change(50), refused: notLower(50) },
    { rule: levelRule(9, '.1'), story: 'somebody higher is lowered', ...change(51, 0), refused: notLower(51) },
    {
      rule: levelRule(10, '.1'),
      story: 'somebody is raised above the sender',
      ...change(49, 51),
      refused: newAbove(CAROL),
    },
    {
      rule: levelRule(10, '.1'),
      story: 'somebody is added above the sender',
      ...change(undefined, 51),
      refused: newAbove(CAROL),
    },
    {
      rule: levelRule(10, '.1'),
      story: 'the sender is raised by the sender',
      ...changeByBob(users(0, 50), users(0, 51)),
      refused: newAbove(BOB),
    },
    { rule: levelRule(11), story: 'somebody is raised to the level of the sender', ...change(49, 50) },
    { rule: levelRule(11), story: 'somebody lower is removed', ...change(49) },
    { rule: levelRule(11), story: 'somebody higher is left alone', ...change(100, 100) },
    { rule: levelRule(11), story: 'the sender steps down', ...changeByBob(users(0, 50), users(0, 10)) },
    { rule: levelRule(11), story: 'the sender takes out the own entry', ...changeByBob(users(0, 50), users(0)) },
  ]);
});

describe('properties', () => {
  const level = fc.integer({ min: 0, max: 4 });
  const entries = (keys: string[]) => fc.dictionary(fc.constantFrom(...keys), level, { maxKeys: keys.length });
  const contents = fc
    .tuple(entries(SINGLE_LEVELS), entries(['x', 'm.room.message']), entries([BOB, CAROL, '@dave:home.test']))
    .map(([single, events, users]) => ({ ...single, events: { ...events, 'm.room.power_levels': 0 }, users }));
  const version = fc.constantFrom(...ALL_VERSIONS);

  test('what an allowed change makes of anybody was never above the sender', () => {
    fc.assert(
      fc.property(version, contents, contents, (roomVersionOfRun, before, after) => {
        const state = stateOf([create(), member(BOB, 'join'), powerLevels(before)], roomVersionOfRun);
        const event = sketched(powerLevels(after, BOB), roomVersionOfRun);
        if (!authorizeEvent(event, state, roomVersionOfRun).allowed) return;
        const levelsBefore = powerLevelsOf(state, roomVersionOfRun);
        const sender = levelsBefore.levelOf(BOB);
        for (const [userId, given] of Object.entries(after.users)) {
          if (before.users[userId] !== given) expect(given).toBeLessThanOrEqual(sender);
        }
        for (const [userId, had] of Object.entries(before.users)) {
          if (userId !== BOB && after.users[userId] !== had) expect(had).toBeLessThan(sender);
        }
      }),
    );
  });

  test('a power levels event that changes nothing is allowed to whoever may send it', () => {
    fc.assert(
      fc.property(version, contents, (roomVersionOfRun, content) => {
        const state = stateOf([create(), member(BOB, 'join'), powerLevels(content)], roomVersionOfRun);
        const event = sketched(powerLevels(structuredClone(content), BOB), roomVersionOfRun);
        expect(authorizeEvent(event, state, roomVersionOfRun)).toEqual({ allowed: true });
      }),
    );
  });

  test('no content whatever makes a rule throw', () => {
    const anyContent = fc.dictionary(
      fc.constantFrom(...SINGLE_LEVELS, 'users', 'events', 'notifications', '__proto__', 'x'),
      fc.jsonValue().map((value) => value as JsonValue),
    );
    fc.assert(
      fc.property(version, anyContent, anyContent, (roomVersionOfRun, before, after) => {
        const state = stateOf([create(), member(ALICE, 'join'), powerLevels(before)], roomVersionOfRun);
        const verdict = authorizeEvent(sketched(powerLevels(after), roomVersionOfRun), state, roomVersionOfRun);
        expect(typeof verdict.allowed).toBe('boolean');
      }),
    );
  });
});

test('an ordinary change is judged against what stood before, not against itself', () => {
  const version = roomVersion('12');
  const state = stateOf([create(), member(BOB, 'join'), powerLevels(BASE)], version);
  const event = sketched(powerLevels({ ...BASE, users: { [BOB]: 50, [CAROL]: 50 } }, BOB), version);
  expect(authorizeEvent(event, state, version).allowed).toBe(true);
  const raised = sketched(powerLevels({ ...BASE, users: { [BOB]: 100, [CAROL]: 100 } }, BOB), version);
  expect(authorizeEvent(raised, state, version).allowed).toBe(false);
});
