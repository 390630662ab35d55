import { expect, test } from 'vitest';
import { readPage } from './read-page.ts';

test('others have their turn while a long page is read', async () => {
  let turns = 0;
  const timers = {
    after(_delayMs: number, action: () => void) {
      turns++;
      queueMicrotask(action);
      return { cancel() {} };
    },
  };
  const html = `<title>Long</title>${'<p></p>'.repeat(50_000)}`;
  expect(await readPage(html, timers)).toMatchObject({ title: 'Long' });
  expect(turns).toBe(Math.floor(html.length / 16_384));
  turns = 0;
  await readPage('<title>Short</title>', timers);
  expect(turns).toBe(0);
});
