import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

test('tasks of one key run one after the other, others beside them', async () => {
  const turns = new Turns();
  const log: string[] = [];
  const task = (name: string) => async () => {
    log.push(`${name} begins`);
    await Promise.resolve();
    log.push(`${name} ends`);
  };
  await Promise.all([turns.run('x', task('x1')), turns.run('x', task('x2')), turns.run('y', task('y1'))]);
  expect(log.filter((line) => line.startsWith('x'))).toEqual(['x1 begins', 'x1 ends', 'x2 begins', 'x2 ends']);
  expect(log.indexOf('y1 begins')).toBeLessThan(log.indexOf('x1 ends'));
});

test('a task that fails fails for who queued it alone', async () => {
  const turns = new Turns();
  const failing = turns.run('x', async () => {
    throw new Error('no');
  });
  const next = turns.run('x', async () => 'yes');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});

test('the hundred and first in line is sent away, and the line goes on', async () => {
  const turns = new Turns();
  const waiting = Array.from({ length: 100 }, (_unused, index) => turns.run('x', async () => index));
  await expect(turns.run('x', async () => 100)).rejects.toMatchObject({ errcode: 'M_LIMIT_EXCEEDED' });
  expect((await Promise.all(waiting)).at(-1)).toBe(99);
  expect(await turns.run('x', async () => 'again')).toBe('again');
});
