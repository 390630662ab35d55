import { describe, expect, test } from 'vitest';
import {
  type DelayedEventEffect,
  type DelayedEventInput,
  type DelayedEventState,
  stepDelayedEvent,
  wakeMsOf,
} from './delayed-event-state.ts';

const NOW = 1_000_000;
const PAST = NOW - 10;
const FUTURE = NOW + 5_000;

const STATES = {
  scheduled: { name: 'scheduled', dueMs: FUTURE },
  'scheduled and due': { name: 'scheduled', dueMs: PAST },
  'sending, as it is due': { name: 'sending', reason: 'delay', dueMs: PAST, failures: 0 },
  'sending again': { name: 'sending', reason: 'delay', dueMs: PAST, failures: 2 },
  'sending, as asked': { name: 'sending', reason: 'action', dueMs: FUTURE, failures: 0 },
  'sending again, as asked': { name: 'sending', reason: 'action', dueMs: FUTURE, failures: 2 },
  'backing off': { name: 'backing-off', failures: 2, retryMs: FUTURE },
  'backing off and due': { name: 'backing-off', failures: 2, retryMs: PAST },
  cancelling: { name: 'closing', outcome: 'cancelled', dueMs: FUTURE, failures: 0 },
  'cancelling after failures': { name: 'closing', outcome: 'cancelled', dueMs: FUTURE, failures: 2 },
  failing: { name: 'closing', outcome: 'failed', dueMs: PAST, failures: 2 },
  sent: { name: 'finalised', outcome: 'sent' },
  cancelled: { name: 'finalised', outcome: 'cancelled' },
  failed: { name: 'finalised', outcome: 'failed' },
} satisfies Record<string, DelayedEventState>;

const INPUTS = {
  due: { kind: 'due' },
  hold: { kind: 'hold', untilMs: NOW + 700 },
  restart: { kind: 'restart', delayMs: 8_000 },
  send: { kind: 'send' },
  cancel: { kind: 'cancel' },
  sent: { kind: 'sent' },
  refused: { kind: 'refused' },
  failed: { kind: 'failed', chance: 0, retryAfterMs: undefined },
  'failed, told when': { kind: 'failed', chance: 0, retryAfterMs: 30_000 },
  closed: { kind: 'closed' },
} satisfies Record<string, DelayedEventInput>;

type Result = readonly [DelayedEventState, DelayedEventEffect?];
type Column = Partial<Record<keyof typeof INPUTS, Result>>;

const RESTARTED: Result = [{ name: 'scheduled', dueMs: NOW + 8_000 }, 'save-restart'];
const { sent, cancelled, failed } = STATES;

function backOff(failures: number, delayMs: number): Result {
  return [{ name: 'backing-off', failures, retryMs: NOW + delayMs }];
}

function waiting(dueMs: number, failures: number): Column {
  return {
    hold: [
      failures === 0 ? { name: 'scheduled', dueMs: NOW + 700 } : { name: 'backing-off', failures, retryMs: NOW + 700 },
    ],
    restart: RESTARTED,
    send: [{ name: 'sending', reason: 'action', dueMs, failures }, 'send'],
    cancel: [{ name: 'closing', outcome: 'cancelled', dueMs, failures }, 'save-outcome'],
  };
}

function busy(state: DelayedEventState): Column {
  return { restart: [state, 'wait'], send: [state, 'wait'], cancel: [state, 'wait'] };
}

/** Every pair that is not here changes nothing. */
const TABLE: Readonly<Record<keyof typeof STATES, Column>> = {
  scheduled: waiting(FUTURE, 0),
  'scheduled and due': { ...waiting(PAST, 0), due: [STATES['sending, as it is due'], 'send'] },
  'backing off': waiting(FUTURE, 2),
  'backing off and due': { ...waiting(PAST, 2), due: [STATES['sending again'], 'send'] },
  'sending, as it is due': {
    ...busy(STATES['sending, as it is due']),
    sent: [sent],
    refused: [{ name: 'closing', outcome: 'failed', dueMs: PAST, failures: 0 }, 'save-outcome'],
    failed: backOff(1, 500),
    'failed, told when': backOff(1, 30_000),
  },
  'sending again': {
    ...busy(STATES['sending again']),
    sent: [sent],
    refused: [STATES.failing, 'save-outcome'],
    failed: backOff(3, 2_000),
    'failed, told when': backOff(3, 30_000),
  },
  'sending, as asked': {
    ...busy(STATES['sending, as asked']),
    sent: [sent],
    refused: [STATES.scheduled, 'report'],
    failed: [STATES.scheduled, 'report'],
    'failed, told when': [STATES.scheduled, 'report'],
  },
  'sending again, as asked': {
    ...busy(STATES['sending again, as asked']),
    sent: [sent],
    refused: [STATES['backing off'], 'report'],
    failed: [STATES['backing off'], 'report'],
    'failed, told when': [STATES['backing off'], 'report'],
  },
  cancelling: {
    ...busy(STATES.cancelling),
    closed: [cancelled],
    failed: [STATES.scheduled, 'report'],
    'failed, told when': [STATES.scheduled, 'report'],
  },
  'cancelling after failures': {
    ...busy(STATES['cancelling after failures']),
    closed: [cancelled],
    failed: [STATES['backing off'], 'report'],
    'failed, told when': [STATES['backing off'], 'report'],
  },
  failing: {
    ...busy(STATES.failing),
    closed: [failed],
    failed: backOff(3, 2_000),
    'failed, told when': backOff(3, 30_000),
  },
  sent: { restart: [sent, 'conflict'], send: [sent, 'done'], cancel: [sent, 'conflict'] },
  cancelled: { restart: [cancelled, 'conflict'], send: [cancelled, 'conflict'], cancel: [cancelled, 'done'] },
  failed: { restart: [failed, 'conflict'], send: [failed, 'conflict'], cancel: [failed, 'done'] },
};

describe.each(Object.entries(STATES))('a delayed event: %s', (name, state) => {
  test.each(Object.entries(INPUTS))('%s', (input, value) => {
    const column: Column = TABLE[name as keyof typeof STATES];
    const [next, effect] = column[input as keyof typeof INPUTS] ?? [state];
    expect(stepDelayedEvent(state, value, NOW)).toEqual({ state: next, effect });
  });
});

test('time alone moves what waits', () => {
  const woken = Object.entries(STATES).filter(([, state]) => wakeMsOf(state) !== undefined);
  expect(woken.map(([name]) => name)).toEqual(['scheduled', 'scheduled and due', 'backing off', 'backing off and due']);
});

test('back-off doubles up to a minute, and is spread by chance', () => {
  const delayOf = (failures: number, chance: number) => {
    const state = { ...STATES['sending again'], failures };
    return (
      (wakeMsOf(stepDelayedEvent(state, { kind: 'failed', chance, retryAfterMs: undefined }, NOW).state) ?? 0) - NOW
    );
  };
  expect([0, 1, 2, 6, 7, 50].map((failures) => delayOf(failures, 0))).toEqual([
    500, 1_000, 2_000, 32_000, 60_000, 60_000,
  ]);
  expect(delayOf(0, 1)).toBe(750);
});
