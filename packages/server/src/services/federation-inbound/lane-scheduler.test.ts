import { limitExceeded } from '@limpet/protocol/matrix-error';
import { expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import type { Lane } from './lane.ts';
import { LaneScheduler, type NextRun } from './lane-scheduler.ts';

/** A scheduler whose lanes run until they are told to end. */
function start() {
  const world = createManualWorld();
  const begun: string[] = [];
  const running = new Map<string, (next: NextRun | Error) => void>();
  const scheduler = new LaneScheduler({
    platform: { ...world, log: silentLog },
    run(lane) {
      begun.push(nameOf(lane));
      return new Promise((resolve, reject) => {
        running.set(nameOf(lane), (next) => (next instanceof Error ? reject(next) : resolve(next)));
      });
    },
  });
  return {
    world,
    begun,
    scheduler,
    running: () => [...running.keys()],
    async end(name: string, next: NextRun | Error) {
      const resolve = running.get(name);
      if (resolve === undefined) throw new Error(`${name} does not run`);
      running.delete(name);
      resolve(next);
      await new Promise((settled) => setImmediate(settled));
    },
  };
}

function lane(roomId: string, origin: string): Lane {
  return { roomId, origin };
}

function nameOf({ roomId, origin }: Lane): string {
  return `${roomId} ${origin}`;
}

test('H3: one server takes four places, and leaves the others to others', () => {
  const { scheduler, begun } = start();
  for (let n = 0; n < 40; n++) scheduler.wake(lane(`!${n}`, 'evil'));
  expect(begun).toHaveLength(4);
  for (const origin of ['b', 'c']) scheduler.wake(lane('!own', origin));
  expect(begun.slice(4)).toEqual(['!own b', '!own c']);
});

test('H3: one room takes three places, and leaves the others to other rooms', () => {
  const { scheduler, begun } = start();
  for (let n = 0; n < 20; n++) scheduler.wake(lane('!popular', `s${n}`));
  expect(begun).toHaveLength(3);
  scheduler.wake(lane('!other', 's19'));
  expect(begun.at(-1)).toBe('!other s19');
});

test('servers take turns, however much each of them has', async () => {
  const { scheduler, begun, end, running } = start();
  for (let n = 0; n < 16; n++) scheduler.wake(lane(`!${n}`, `s${n % 4}`));
  expect(begun).toHaveLength(16);
  for (let n = 20; n < 23; n++) scheduler.wake(lane(`!${n}`, 's0'));
  for (const origin of ['t', 'u']) scheduler.wake(lane('!25', origin));
  for (const name of running().slice(0, 3)) await end(name, 'never');
  expect(begun.slice(16)).toEqual(['!20 s0', '!25 t', '!25 u']);
});

test('a lane runs once at a time; what came meanwhile makes it run again', async () => {
  const { scheduler, begun, end } = start();
  const one = lane('!a', 's');
  scheduler.wake(one);
  scheduler.wake(one);
  scheduler.wake(one);
  expect(begun).toHaveLength(1);
  await end('!a s', 'never');
  expect(begun).toHaveLength(2);
  await end('!a s', 'never');
  expect(begun).toHaveLength(2);
});

test('a lane that rests runs when it is due, or woken; one that failed runs again after a while', async () => {
  const { scheduler, begun, end, world } = start();
  scheduler.wake(lane('!a', 's'));
  scheduler.wake(lane('!b', 's'));
  await end('!a s', 5_000);
  await end('!b s', 60_000);
  world.advance(4_999);
  expect(begun).toHaveLength(2);
  world.advance(1);
  expect(begun.slice(2)).toEqual(['!a s']);
  scheduler.wake(lane('!b', 's'));
  expect(begun.slice(3)).toEqual(['!b s']);
  await end('!b s', limitExceeded('too much'));
  world.advance(29_999);
  expect(begun).toHaveLength(4);
  world.advance(1);
  expect(begun.slice(4)).toEqual(['!b s']);
});

test('after the stop nothing begins, and it waits for what has begun', async () => {
  const { scheduler, begun, end } = start();
  scheduler.wake(lane('!a', 's'));
  let isStopped = false;
  const stopping = scheduler.stop().then(() => {
    isStopped = true;
  });
  scheduler.wake(lane('!b', 's'));
  await new Promise((settled) => setImmediate(settled));
  expect([begun.length, isStopped]).toEqual([1, false]);
  await end('!a s', 'now');
  await stopping;
  expect(begun).toHaveLength(1);
});
