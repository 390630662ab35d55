import { expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { DelayedEventRunner } from './delayed-event-runner.ts';

test('G5: what one user sends to where nobody answers does not hold up the events of others', async () => {
  const platform = createManualWorld();
  const content = { room_id: '!room:test', type: 'm.test', state_key: null, content_json: '{}', top_level_json: null };
  const begun: string[] = [];
  const sendEvent = ({ sender }: { sender: { userId: string } }) => {
    begun.push(sender.userId);
    return new Promise(() => undefined);
  };
  const runner = new DelayedEventRunner({
    platform: platform as never,
    records: {
      contentOf: async () => ({ ...content, is_deactivated: 0, is_locked: 0, is_suspended: 0 }),
      async *scheduled() {},
    } as never,
    sending: { sendEvent } as never,
    events: {} as never,
    pace: { burst: 1_000, perSecond: 1_000 },
  });
  await runner.start();
  const add = (userId: string, nid: number, dueMs: number) =>
    runner.add({ nid, delayId: `${nid}`, userId, delayMs: dueMs }, platform.clock.monotonicMs() + dueMs);
  for (let nid = 1; nid <= 150; nid += 1) add('@mallory:test', nid, 1_000);
  add('@alice:test', 151, 2_000);
  platform.advance(2_000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(begun.filter((userId) => userId === '@mallory:test')).toHaveLength(20);
  expect(begun).toContain('@alice:test');
});
