import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventToDelay } from './delayed-event.ts';
import { listDelayedEvents } from './delayed-event-list.ts';
import { DelayedEventRecords, isAlreadyFinalised } from './delayed-event-records.ts';

let storage: Storage;
let records: DelayedEventRecords;

beforeAll(async () => {
  storage = await openTestStorage();
  records = new DelayedEventRecords(storage);
});

afterAll(() => storage.close());

function event(userId: string, transactionId?: string): EventToDelay {
  return {
    ...{ userId, deviceId: 'DEVICE', roomId: '!room:test', type: 'm.test', stateKey: undefined, content: {} },
    ...{ extraTopLevel: undefined, delayMs: 1_000 },
    transaction: transactionId === undefined ? undefined : { scope: 'scope', id: transactionId },
  };
}

async function finalise(userId: string, number: number): Promise<void> {
  const delayId = `${userId} ${number}`;
  const nid = await records.insert(event(userId), { delayId, sinceTs: number });
  if (nid === undefined) throw new Error('There is no such transaction');
  await records.finalise({ nid, userId, outcome: 'cancelled', reason: 'action', finalisedTs: number });
}

async function countOf(userId: string): Promise<number> {
  const wanted = { direction: 'forwards', fromTs: undefined, toTs: undefined, roomId: undefined } as const;
  const rest = { type: undefined, statuses: ['cancelled'], delayIds: undefined } as const;
  let count = 0;
  for (let from: string | undefined; ; ) {
    const page = await listDelayedEvents(storage, { ...wanted, ...rest, userId, from });
    count += page.events.length;
    if (page.next === undefined) return count;
    from = page.next;
  }
}

test('G2: of the finalised ones of a user the oldest go beyond a thousand, a hundred later at most', async () => {
  await finalise('@bob:test', 0);
  const numbers = Array.from({ length: 1_250 }, (_, number) => number);
  for (let start = 0; start < numbers.length; start += 50) {
    await Promise.all(numbers.slice(start, start + 50).map((number) => finalise('@alice:test', number)));
  }
  const kept = await countOf('@alice:test');
  expect(kept).toBeGreaterThanOrEqual(1_000);
  expect(kept).toBeLessThanOrEqual(1_100);
  expect(await records.find('@alice:test 0')).toBeUndefined();
  expect((await records.find('@alice:test 1249'))?.finalised?.outcome).toBe('cancelled');
  expect(await countOf('@bob:test')).toBe(1);
});

test('one that is finalised is not finalised again, and takes the batch with it', async () => {
  const nid = (await records.insert(event('@carol:test', 'once'), { delayId: 'once', sinceTs: 1 })) ?? 0;
  const ending = {
    nid,
    userId: '@carol:test',
    outcome: 'sent',
    reason: 'delay',
    finalisedTs: 2,
    eventId: '$a',
  } as const;
  await records.writeSentNow(ending, { delayId: 'once', eventNid: 7 });
  const again = records.writeSentNow({ ...ending, eventId: '$b' }, { delayId: 'once', eventNid: 8 });
  await expect(again).rejects.toSatisfy(isAlreadyFinalised);
  expect((await records.find('once'))?.finalised?.eventId).toBe('$a');
  expect(await records.findScheduled('once')).toBeUndefined();
  expect(await records.insert(event('@carol:test', 'once'), { delayId: 'other', sinceTs: 3 })).toBeUndefined();
  expect(await records.ofTransaction(event('@carol:test', 'once'))).toBe('once');
});
