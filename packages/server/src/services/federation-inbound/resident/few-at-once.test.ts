import { expect, test } from 'vitest';
import { FewAtOnce } from './few-at-once.ts';

/** Tasks that end when they are told to. */
function createTasks(options: ConstructorParameters<typeof FewAtOnce>[0]) {
  const few = new FewAtOnce(options);
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    started,
    run(who: string, name: string): Promise<void> {
      return few.run(who, async () => {
        started.push(name);
        await new Promise<void>((resolve) => ends.set(name, resolve));
      });
    },
    async end(name: string): Promise<void> {
      ends.get(name)?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test('few run at once, one of each who asks, and they take turns', async () => {
  const tasks = createTasks({ atOnce: 2, waitingOfOne: 10, waiting: 10 });
  const runs = ['a1', 'a2', 'a3', 'b1', 'c1', 'c2'].map((name) => tasks.run(name.charAt(0), name));
  expect(tasks.started).toEqual(['a1', 'b1']);
  await tasks.end('a1');
  expect(tasks.started).toEqual(['a1', 'b1', 'a2']);
  await tasks.end('a2');
  // The others are before the one who asks all the time.
  expect(tasks.started).toEqual(['a1', 'b1', 'a2', 'c1']);
  await tasks.end('b1');
  expect(tasks.started.at(-1)).toBe('a3');
  await tasks.end('c1');
  expect(tasks.started.at(-1)).toBe('c2');
  await tasks.end('a3');
  await tasks.end('c2');
  await Promise.all(runs);
});

test('who waits too often is refused, and the others are not', async () => {
  const tasks = createTasks({ atOnce: 1, waitingOfOne: 1, waiting: 2 });
  const runs = [tasks.run('a', 'a1'), tasks.run('a', 'a2')];
  await expect(tasks.run('a', 'a3')).rejects.toMatchObject({ errcode: 'M_LIMIT_EXCEEDED' });
  runs.push(tasks.run('b', 'b1'));
  await expect(tasks.run('c', 'c1')).rejects.toMatchObject({ errcode: 'M_LIMIT_EXCEEDED' });
  for (const name of ['a1', 'a2', 'b1']) await tasks.end(name);
  await Promise.all(runs);
  expect(tasks.started).toEqual(['a1', 'a2', 'b1']);
});

test('a task that fails makes way for the next', async () => {
  const few = new FewAtOnce({ atOnce: 1, waitingOfOne: 1, waiting: 1 });
  const failing = few.run('a', () => Promise.reject(new Error('no')));
  const next = few.run('b', async () => 'done');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('done');
});
