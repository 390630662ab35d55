import { expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import type { Timers } from '../../platform/timers.ts';
import { type ScheduledEvent, ScheduledEvents } from './scheduled-events.ts';

/** Time that stands still, and how many timers were set. */
function begin() {
  const world = createManualWorld();
  let set = 0;
  const timers: Timers = {
    after(delayMs, action) {
      set += 1;
      return world.timers.after(delayMs, action);
    },
  };
  const due: string[] = [];
  const events = new ScheduledEvents({ clock: world.clock, timers }, (event) => due.push(event.delayId));
  return { world, events, due, timersSet: () => set };
}

function scheduled(delayId: string, dueMs: number): ScheduledEvent {
  return {
    ...{ nid: 1, delayId, userId: '@alice:test', delayMs: 8_000, isPaced: false, underWay: Promise.resolve() },
    ...{ state: { name: 'scheduled', dueMs }, queueMs: 0, queueIndex: -1 },
  };
}

function restart(event: ScheduledEvent, dueMs: number, events: ScheduledEvents): void {
  event.state = { name: 'scheduled', dueMs };
  events.place(event);
}

test('what is due is told of in its order, and nothing before its time', () => {
  const { world, events, due } = begin();
  events.run();
  for (const [delayId, dueMs] of [
    ['late', 900],
    ['soon', 100],
    ['between', 500],
  ] as const) {
    events.add(scheduled(delayId, dueMs));
  }
  world.advance(99);
  expect(due).toEqual([]);
  world.advance(1);
  expect(due).toEqual(['soon']);
  world.advance(800);
  expect(due).toEqual(['soon', 'between', 'late']);
});

test('a thousand restarts take one timer now and then, not one each', () => {
  const { world, events, due, timersSet } = begin();
  events.run();
  const all = Array.from({ length: 250 }, (_, number) => scheduled(`${number}`, 8_000 + number));
  for (const event of all) events.add(event);
  for (let beat = 1; beat <= 10; beat += 1) {
    world.advance(4_000);
    for (const event of all) restart(event, beat * 4_000 + 8_000, events);
  }
  expect(due).toEqual([]);
  expect(timersSet()).toBeLessThan(20);
  world.advance(8_000);
  expect(due).toHaveLength(250);
});

test('what is finalised is forgotten, and what is longer ahead than a timer waits comes in its time', () => {
  const { world, events, due } = begin();
  const monthMs = 30 * 24 * 3_600_000;
  const [gone, far] = [scheduled('gone', 100), scheduled('far', monthMs)];
  events.add(gone);
  events.add(far);
  events.run();
  gone.state = { name: 'finalised', outcome: 'cancelled' };
  events.place(gone);
  expect([events.get('gone'), events.size, [...events.ofUser('@alice:test')]]).toEqual([undefined, 1, [far]]);
  world.advance(monthMs - 1);
  expect(due).toEqual([]);
  world.advance(1);
  expect(due).toEqual(['far']);
});
