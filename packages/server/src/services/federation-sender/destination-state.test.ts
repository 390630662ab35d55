import { describe, expect, test } from 'vitest';
import {
  type DestinationEffect,
  type DestinationInput,
  type DestinationState,
  IDLE,
  stepDestination,
} from './destination-state.ts';

const NOW = 1_000_000;

const STATES = {
  idle: IDLE,
  sending: { name: 'sending', isOverflowed: false },
  'sending, overflowed': { name: 'sending', isOverflowed: true },
  'catching up': { name: 'catching-up', isOverflowed: false, failures: 0 },
  'catching up, overflowed': { name: 'catching-up', isOverflowed: true, failures: 0 },
  'trying again': { name: 'catching-up', isOverflowed: false, failures: 3 },
  'backing off': { name: 'backing-off', failures: 3, triedAtMs: NOW - 60_000, retryAtMs: NOW + 60_000 },
  'backing off since just now': { name: 'backing-off', failures: 3, triedAtMs: NOW - 1_000, retryAtMs: NOW + 60_000 },
} satisfies Record<string, DestinationState>;

const INPUTS = {
  news: { kind: 'news' },
  overflow: { kind: 'overflow' },
  'acknowledged, all': { kind: 'acknowledged', isMoreInTables: false, isMoreInMemory: false },
  'acknowledged, more in memory': { kind: 'acknowledged', isMoreInTables: false, isMoreInMemory: true },
  'acknowledged, more in tables': { kind: 'acknowledged', isMoreInTables: true, isMoreInMemory: false },
  failed: { kind: 'failed', chance: 0, retryAfterMs: undefined },
  'failed, told when': { kind: 'failed', chance: 0, retryAfterMs: 30_000 },
  due: { kind: 'due' },
  'heard from': { kind: 'heard-from' },
  retry: { kind: 'retry' },
} satisfies Record<string, DestinationInput>;

type Result = readonly [DestinationState, ...DestinationEffect[]];
type Column = Partial<Record<keyof typeof INPUTS, Result>>;

const { idle, sending, 'catching up': catchingUp, 'trying again': tryingAgain } = STATES;
const backOff = (failures: number, delayMs: number): Result => [
  { name: 'backing-off', failures, triedAtMs: NOW, retryAtMs: NOW + delayMs },
  'save-behind',
  'drop-memory',
  'release',
];
const FALL_BEHIND: Result = [catchingUp, 'save-behind', 'drop-memory', 'catch-up'];

/** Every pair that is not here changes nothing. */
const TABLE: Readonly<Record<keyof typeof STATES, Column>> = {
  idle: {
    news: [sending, 'send'],
    overflow: FALL_BEHIND,
  },
  sending: {
    overflow: [STATES['sending, overflowed'], 'drop-memory'],
    'acknowledged, all': [idle, 'release'],
    'acknowledged, more in memory': [sending, 'send'],
    'acknowledged, more in tables': [idle, 'release'],
    failed: backOff(1, 4_000),
    'failed, told when': backOff(1, 30_000),
  },
  'sending, overflowed': {
    overflow: [STATES['sending, overflowed'], 'drop-memory'],
    'acknowledged, all': FALL_BEHIND,
    'acknowledged, more in memory': FALL_BEHIND,
    'acknowledged, more in tables': FALL_BEHIND,
    failed: backOff(1, 4_000),
    'failed, told when': backOff(1, 30_000),
  },
  'catching up': {
    overflow: [STATES['catching up, overflowed'], 'drop-memory'],
    'acknowledged, all': [idle, 'save-live', 'release'],
    'acknowledged, more in memory': [sending, 'save-live', 'send'],
    'acknowledged, more in tables': [catchingUp, 'catch-up'],
    failed: backOff(1, 4_000),
    'failed, told when': backOff(1, 30_000),
  },
  'catching up, overflowed': {
    overflow: [STATES['catching up, overflowed'], 'drop-memory'],
    'acknowledged, all': [catchingUp, 'catch-up'],
    'acknowledged, more in memory': [catchingUp, 'catch-up'],
    'acknowledged, more in tables': [catchingUp, 'catch-up'],
    failed: backOff(1, 4_000),
    'failed, told when': backOff(1, 30_000),
  },
  'trying again': {
    overflow: [{ ...tryingAgain, isOverflowed: true }, 'drop-memory'],
    'acknowledged, all': [idle, 'save-live', 'release'],
    'acknowledged, more in memory': [sending, 'save-live', 'send'],
    'acknowledged, more in tables': [catchingUp, 'catch-up'],
    failed: backOff(4, 32_000),
    'failed, told when': backOff(4, 30_000),
  },
  'backing off': {
    due: [tryingAgain, 'catch-up'],
    'heard from': [tryingAgain, 'catch-up'],
    retry: [tryingAgain, 'catch-up'],
  },
  'backing off since just now': {
    due: [tryingAgain, 'catch-up'],
    'heard from': [{ ...STATES['backing off since just now'], retryAtMs: NOW + 4_000 }, 'save-behind'],
    retry: [tryingAgain, 'catch-up'],
  },
};

describe.each(Object.entries(STATES))('a server that is %s', (name, state) => {
  test.each(Object.entries(INPUTS))('%s', (input, value) => {
    const { state: next, effects } = stepDestination(state, value, NOW);
    const column: Column = TABLE[name as keyof typeof STATES];
    expect([next, ...effects]).toEqual(column[input as keyof typeof INPUTS] ?? [state]);
  });
});

test('a clock that went back does not keep a server waiting that was heard from', () => {
  const state: DestinationState = { ...STATES['backing off'], triedAtMs: NOW + 600_000, retryAtMs: NOW + 700_000 };
  expect(stepDestination(state, { kind: 'heard-from' }, NOW).effects).toEqual(['catch-up']);
});
