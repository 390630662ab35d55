import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { insertDevice } from '../../storage/queries/devices.ts';
import { insertToDeviceMessage } from '../../storage/queries/to-device.ts';
import type { Storage } from '../../storage/storage.ts';
import { ToDeviceQueue } from './to-device-queue.ts';

const ALICE = '@alice:localhost';
const PHONE = { userId: ALICE, deviceId: 'PHONE' };
const LAPTOP = { userId: ALICE, deviceId: 'LAPTOP' };

let storage: Storage;
let queue: ToDeviceQueue;

beforeEach(async () => {
  storage = await openTestStorage();
  queue = new ToDeviceQueue(storage, silentLog);
  await storage.write((transaction) => {
    for (const device of [PHONE, LAPTOP]) {
      transaction.run(insertDevice, { ...device, displayName: null, createdTs: 1, address: null, userAgent: null });
    }
  });
});

afterEach(() => storage.close());

async function send(device: { userId: string; deviceId: string }, json: string): Promise<number> {
  const committed = await storage.write((transaction) => {
    const position = transaction.publish({ kind: 'to-device', ...device });
    transaction.run(insertToDeviceMessage, { ...device, writer: transaction.writer, position, json });
    return position;
  });
  return committed.value;
}

function everything() {
  return { writer: 1, after: 0, upTo: Number.MAX_SAFE_INTEGER };
}

async function jsonsOf(device: { userId: string; deviceId: string }): Promise<string[]> {
  return (await queue.read(device, everything(), 100)).map((message) => message.json);
}

test('messages come in order, to their device alone, as many as asked for', async () => {
  const first = await send(PHONE, '1');
  const second = await send(PHONE, '2');
  await send(LAPTOP, '3');
  await send({ userId: ALICE, deviceId: 'GONE' }, '4');
  expect(await jsonsOf(PHONE)).toEqual(['1', '2']);
  expect(await jsonsOf(LAPTOP)).toEqual(['3']);
  expect(await jsonsOf({ userId: ALICE, deviceId: 'GONE' })).toEqual([]);
  expect(await queue.read(PHONE, everything(), 1)).toEqual([{ position: first, json: '1' }]);
  expect(await queue.read(PHONE, { writer: 1, after: first, upTo: second }, 5)).toEqual([
    { position: second, json: '2' },
  ]);
  expect(await queue.read(PHONE, { writer: 1, after: 0, upTo: first }, 5)).toHaveLength(1);
  expect(await queue.read(PHONE, { writer: 2, after: 0, upTo: second }, 5)).toEqual([]);
});

test('what was acknowledged is removed, and nothing else', async () => {
  const first = await send(PHONE, '1');
  await send(PHONE, '2');
  await send(LAPTOP, '3');
  queue.acknowledge(PHONE, 1, first);
  await queue.settled();
  expect(await jsonsOf(PHONE)).toEqual(['2']);
  expect(await jsonsOf(LAPTOP)).toEqual(['3']);
});

test('a message from before the first acknowledgement is removed by the second', async () => {
  const first = await send(PHONE, '1');
  const second = await send(PHONE, '2');
  for (const upTo of [first - 1, first, second]) {
    queue.acknowledge(PHONE, 1, upTo);
    await queue.settled();
  }
  expect(await jsonsOf(PHONE)).toEqual([]);
});

test('a device for which nothing waits costs no write, and a new message is removed again', async () => {
  queue.acknowledge(PHONE, 1, await send(PHONE, '1'));
  await queue.settled();
  const { batches } = storage.tally;
  for (let count = 0; count < 10; count++) queue.acknowledge(PHONE, 1, 1_000);
  await queue.settled();
  expect(storage.tally.batches).toBe(batches);

  const position = await send(PHONE, '2');
  queue.acknowledge(PHONE, 1, position - 1);
  await queue.settled();
  expect(await jsonsOf(PHONE)).toEqual(['2']);
  queue.acknowledge(PHONE, 1, position);
  await queue.settled();
  expect(await jsonsOf(PHONE)).toEqual([]);
});

test('acknowledgements of one moment share a batch', async () => {
  const position = await send(LAPTOP, '1');
  const { batches } = storage.tally;
  queue.acknowledge(PHONE, 1, position);
  queue.acknowledge(LAPTOP, 1, position - 1);
  queue.acknowledge(LAPTOP, 1, position);
  await queue.settled();
  expect(storage.tally.batches).toBe(batches + 1);
  expect(await jsonsOf(LAPTOP)).toEqual([]);
});
