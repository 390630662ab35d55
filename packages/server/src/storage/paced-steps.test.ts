import { expect, test } from 'vitest';
import { createManualWorld } from '../../tests/support/manual-world.ts';
import { silentLog } from '../../tests/support/silent-log.ts';
import { PacedSteps } from './paced-steps.ts';

function start(results: (boolean | Error)[]) {
  const world = createManualWorld();
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message) };
  let done = 0;
  const steps = new PacedSteps({
    platform: { timers: world.timers, log },
    work: 'a test',
    pauseMs: 100,
    async step() {
      const result = results[done++] ?? false;
      if (result instanceof Error) throw result;
      return result;
    },
  });
  const pass = async (ms: number) => {
    world.advance(ms);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    return done;
  };
  return { steps, pass, warnings, done: () => done };
}

test('goes on with a pause between the steps, until nothing is left', async () => {
  const { steps, pass } = start([true, true, false, false]);
  steps.wake();
  steps.wake();
  expect([await pass(99), await pass(1), await pass(99), await pass(1), await pass(100)]).toEqual([0, 1, 1, 2, 3]);
  expect(await pass(1_000)).toBe(3);
  steps.wake();
  expect(await pass(100)).toBe(4);
});

test('hurries where somebody waits, but not without end', async () => {
  const { steps, pass, done } = start([true, true, true, false]);
  await steps.hurry(2);
  expect(done()).toBe(2);
  expect(await pass(100)).toBe(3);
  await steps.hurry(9);
  expect(done()).toBe(4);
});

test('a failure is told, and what failed is tried again later', async () => {
  const { steps, pass, warnings, done } = start([new Error('full'), new Error('still'), false]);
  await expect(steps.hurry(1)).rejects.toThrow('full');
  steps.wake();
  expect(await pass(100)).toBe(2);
  expect(warnings).toHaveLength(1);
  expect([await pass(1_900), await pass(100)]).toEqual([2, 3]);
  await steps.stop();
  steps.wake();
  await steps.hurry(5);
  await pass(1_000);
  expect(done()).toBe(3);
});
