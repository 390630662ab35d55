import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualWorld } from '../../tests/support/manual-world.ts';
import { silentLog } from '../../tests/support/silent-log.ts';
import { openTestStorage } from '../../tests/support/test-storage.ts';
import { deleteOldTransactionIds, insertTransactionId } from './queries/transaction-ids.ts';
import { RowSweeper } from './row-sweeper.ts';
import { defineStatement } from './statement.ts';
import type { Storage } from './storage.ts';

const selectNames = defineStatement<Record<never, never>, { transaction_id: string }>(
  'select transaction_id from transaction_ids',
);

let storage: Storage;

beforeEach(async () => {
  storage = await openTestStorage();
});

afterEach(() => storage.close());

/** A sweep every second of transaction IDs from before now. */
function start(remove = deleteOldTransactionIds) {
  const { clock, timers, advance } = createManualWorld();
  const warnings: unknown[] = [];
  const log = { ...silentLog, warn: (_message: string, fields: unknown) => void warnings.push(fields) };
  const sweeper = new RowSweeper({
    platform: { clock, timers, log },
    storage,
    rows: 'transaction IDs',
    everyMs: 1_000,
    remove: (transaction, before, limit) => transaction.fetch(remove, { before, limit }),
  });
  sweeper.start();
  return { sweeper, warnings, clock, advance };
}

async function fill(count: number, createdTs: number, name: string): Promise<void> {
  await storage.write((transaction) => {
    for (let index = 0; index < count; index += 1) {
      const row = { userId: '@a:test', deviceId: 'D', scope: 'send', eventNid: null, responseJson: '{}', createdTs };
      transaction.run(insertTransactionId, { ...row, transactionId: `${name} ${index}` });
    }
  });
}

/** The rows that are left once what is queued was written, and whoever waited for it went on. */
async function left(): Promise<string[]> {
  await storage.write(() => undefined);
  await new Promise((resolve) => setImmediate(resolve));
  return (await storage.read(selectNames, {})).map((row) => row.transaction_id);
}

test('a sweep takes 500 rows at a time, with pauses; the next one comes by itself (H2)', async () => {
  const { sweeper, clock, advance } = start();
  await fill(1_200, clock.nowMs(), 'old');
  await fill(1, clock.nowMs() + 1_500, 'young');
  advance(999);
  expect(await left()).toHaveLength(1_201);
  advance(1);
  expect(await left()).toHaveLength(701);
  advance(50);
  expect(await left()).toHaveLength(201);
  advance(50);
  expect(await left()).toEqual(['young 0']);
  advance(999);
  expect(await left()).toEqual(['young 0']);
  advance(1);
  expect(await left()).toEqual([]);
  await sweeper.stop();
});

test('a sweep that fails is logged and tried again; after stop there is none', async () => {
  const wrong = defineStatement<{ before: number; limit: number }, { transaction_id: string }>(
    'delete from no_such_table where created_ts < :before and :limit > 0 returning transaction_id',
  );
  const { sweeper, warnings, advance } = start(wrong);
  advance(1_000);
  await left();
  expect(warnings).toMatchObject([{ rows: 'transaction IDs' }]);
  advance(1_000);
  await left();
  expect(warnings).toHaveLength(2);
  await sweeper.stop();
  advance(10_000);
  await left();
  expect(warnings).toHaveLength(2);
});
