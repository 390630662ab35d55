import { expect, test } from 'vitest';
import { DelayedEventSender } from './delayed-event-sender.ts';
import type { ScheduledEvent } from './scheduled-events.ts';

type Row = Awaited<ReturnType<ConstructorParameters<typeof DelayedEventSender>[0]['records']['contentOf']>>;

function rowOf(type: string): Row {
  const standing = { attempt_json: null, is_locked: 0, is_suspended: 0 };
  return { ...standing, room_id: '!a:x', type, state_key: null, content_json: '{}', top_level_json: null } as Row;
}

test('what is due first goes to its room first, also where it takes longer to read, or cannot be', async () => {
  const reads = new Map([1, 2, 3, 4].map((nid) => [nid, Promise.withResolvers<Row>()]));
  const went: string[] = [];
  const sender = new DelayedEventSender({
    clock: { nowMs: () => 0, monotonicMs: () => 0 },
    records: {
      contentOf: (nid) => reads.get(nid)?.promise ?? Promise.resolve(undefined),
      keepAttempt: async () => undefined,
      writeSent: () => undefined,
      writeSentNow: async () => undefined,
    },
    sending: {
      sendEvent: async ({ type }) => {
        went.push(type);
        return `$${type}`;
      },
      setState: async () => '$state',
    },
    events: { byIds: async (ids) => new Map(ids.map((id) => [id, { nid: 7 } as never])) },
  });
  const sent = [1, 2, 3, 4].map((nid) => sender.send({ nid, delayId: 'd', userId: '@a:x' } as ScheduledEvent, 'delay'));
  const ends = Promise.allSettled(sent);
  reads.get(4)?.resolve(rowOf('fourth'));
  reads.get(3)?.resolve(rowOf('third'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(went).toEqual([]);
  reads.get(2)?.reject(new Error('The database is gone'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(went).toEqual([]);
  reads.get(1)?.resolve(rowOf('first'));
  expect((await ends).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  expect(went).toEqual(['first', 'third', 'fourth']);
});
