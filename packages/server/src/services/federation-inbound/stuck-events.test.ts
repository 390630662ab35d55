import { expect, test } from 'vitest';
import { StuckEvents } from './stuck-events.ts';

const LANE = { roomId: '!a', origin: 's' };
const OTHER = { roomId: '!b', origin: 's' };

test('each try in vain is followed by a longer pause, until it was the last', () => {
  const stuck = new StuckEvents();
  let nowMs = 0;
  const pauses: number[] = [];
  while (!stuck.fail(LANE, 7, { missing: [], nowMs })) {
    const pauseMs = stuck.untilNextMs(LANE, nowMs) ?? Number.NaN;
    pauses.push(pauseMs / 1_000);
    expect(stuck.resting(LANE, nowMs + pauseMs - 1)).toEqual([7]);
    nowMs += pauseMs;
    expect(stuck.resting(LANE, nowMs)).toEqual([]);
  }
  expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1_200, 1_800, 1_800]);
  expect(stuck.untilNextMs(LANE, nowMs)).toBeUndefined();
});

test('when something arrives, what waits for it is due, and nothing else', () => {
  const stuck = new StuckEvents();
  stuck.fail(LANE, 1, { missing: ['$x', '$y'], nowMs: 0 });
  stuck.fail(LANE, 2, { missing: ['$z'], nowMs: 0 });
  stuck.fail(OTHER, 3, { missing: ['$y'], nowMs: 0 });
  expect(stuck.arrived(['$y', '$unheard'])).toEqual([LANE, OTHER]);
  expect(stuck.resting(LANE, 0)).toEqual([2]);
  expect(stuck.resting(OTHER, 0)).toEqual([]);
  stuck.forget(LANE, 2);
  stuck.forgetLane(OTHER);
  expect(stuck.arrived(['$y', '$z'])).toEqual([LANE]);
  expect(stuck.untilNextMs(OTHER, 0)).toBeUndefined();
});
