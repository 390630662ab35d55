import { expect, test } from 'vitest';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { selectOutgoingEdus } from '../../storage/queries/outgoing-edus.ts';
import type { Storage } from '../../storage/storage.ts';
import { type OutgoingEdu, queueEdu } from './outgoing-edus.ts';

test('EDUs wait in the order in which they were queued, and the sender is told whose they are', async () => {
  const storage = await openTestStorage();
  const news: PublishedChange[] = [];
  storage.stream.follow((changes) => news.push(...changes));
  await queue(storage, { type: 'm.direct_to_device', contentJson: '{"a":1}' });
  await queue(storage, { type: 'm.direct_to_device', contentJson: '{"a":2}' });
  await queue(storage, { serverName: 'other', type: 'm.direct_to_device', contentJson: '{"a":3}' });
  expect(await waiting(storage, 'remote')).toEqual(['{"a":1}', '{"a":2}']);
  expect(news.map((change) => change.kind === 'outgoing-edu' && change.serverName)).toEqual([
    'remote',
    'remote',
    'other',
  ]);
  await storage.close();
});

test('one with the key of another that waits takes its place, at the end', async () => {
  const storage = await openTestStorage();
  await queue(storage, { type: 'm.signing_key_update', contentJson: '{"a":1}', replacesKey: '@alice:test' });
  await queue(storage, { type: 'm.other', contentJson: '{"a":2}', replacesKey: '@alice:test' });
  await queue(storage, { type: 'm.signing_key_update', contentJson: '{"a":3}', replacesKey: '@alice:test' });
  expect(await waiting(storage, 'remote')).toEqual(['{"a":2}', '{"a":3}']);
  await storage.close();
});

async function queue(storage: Storage, edu: Pick<OutgoingEdu, 'type' | 'contentJson'> & Partial<OutgoingEdu>) {
  await storage.write((transaction) => queueEdu(transaction, { serverName: 'remote', nowMs: 1, ...edu }));
}

async function waiting(storage: Storage, serverName: string): Promise<string[]> {
  const rows = await storage.read(selectOutgoingEdus, { serverName, limit: 10 });
  return rows.map((row) => row.json);
}
