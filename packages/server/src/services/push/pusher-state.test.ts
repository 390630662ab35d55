import { expect, test } from 'vitest';
import { type PusherInput, type PusherState, stepPusher } from './pusher-state.ts';

const NOW = 1_000_000;

const STATES = {
  idle: { name: 'idle' },
  working: { name: 'working', failures: 2, isNews: false, isSetAnew: false },
  'working, more came': { name: 'working', failures: 2, isNews: true, isSetAnew: false },
  'working, set anew': { name: 'working', failures: 0, isNews: true, isSetAnew: true },
  'backing off': { name: 'backing-off', failures: 2, retryAtMs: NOW + 500 },
  gone: { name: 'gone' },
} as const satisfies Record<string, PusherState>;

const INPUTS = {
  news: { kind: 'news' },
  set: { kind: 'set' },
  told: { kind: 'told' },
  nothing: { kind: 'nothing' },
  failed: { kind: 'failed', chance: 0, retryAfterMs: undefined },
  due: { kind: 'due' },
  removed: { kind: 'removed' },
} as const satisfies Record<string, PusherInput>;

const work = (failures: number, ...before: string[]) => [`working ${failures}`, ...before, 'work'];
const REMOVED = ['gone', 'cancel', 'release'];
const BACKED_OFF = [`backing off 3 until ${NOW + 8_000}`, 'wait'];

/** By state and input: the state that comes of it, and what is to be done. What is left out changes nothing. */
const TABLE: Record<keyof typeof STATES, Partial<Record<keyof typeof INPUTS, readonly string[]>>> = {
  idle: { news: work(0), set: work(0), removed: REMOVED },
  working: {
    news: ['working 2, more came'],
    set: ['working 0, set anew'],
    told: work(0),
    nothing: ['idle', 'release'],
    failed: BACKED_OFF,
    removed: REMOVED,
  },
  'working, more came': {
    set: ['working 0, set anew'],
    told: work(0),
    nothing: work(2),
    failed: BACKED_OFF,
    removed: REMOVED,
  },
  'working, set anew': { told: work(0), nothing: work(0), failed: work(0), removed: REMOVED },
  'backing off': { set: work(0, 'cancel'), due: work(2), removed: REMOVED },
  gone: {},
};

function shown(state: PusherState): string {
  if (state.name === 'working') {
    const more = state.isSetAnew ? ', set anew' : ', more came';
    return `working ${state.failures}${state.isNews ? more : ''}`;
  }
  return state.name === 'backing-off' ? `backing off ${state.failures} until ${state.retryAtMs}` : state.name;
}

test('every input in every state', () => {
  for (const [stateName, state] of Object.entries(STATES)) {
    for (const [inputName, input] of Object.entries(INPUTS)) {
      const row = TABLE[stateName as keyof typeof STATES];
      const step = stepPusher(state, input, NOW);
      const expected = row[inputName as keyof typeof INPUTS] ?? [shown(state)];
      expect([shown(step.state), ...step.effects], `${stateName}, ${inputName}`).toEqual(expected);
    }
  }
});

function retryInMs(failures: number, chance: number, retryAfterMs?: number): number {
  const { state } = stepPusher(
    { name: 'working', failures, isNews: false, isSetAnew: false },
    { kind: 'failed', chance, retryAfterMs },
    NOW,
  );
  return state.name === 'backing-off' ? state.retryAtMs - NOW : Number.NaN;
}

test('pauses grow to an hour, and are cut by chance; what the gateway asks for is taken within bounds', () => {
  expect([retryInMs(0, 0), retryInMs(1, 0), retryInMs(1, 1), retryInMs(60, 0)]).toEqual([
    2_000, 4_000, 2_000, 3_600_000,
  ]);
  expect([retryInMs(5, 0, 0), retryInMs(5, 0, 30_000), retryInMs(5, 0, 1e12)]).toEqual([1_000, 30_000, 3_600_000]);
});
