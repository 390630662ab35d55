import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestEncryption, type TestEncryption } from '../../../tests/support/test-encryption.ts';
import { deleteDevices } from '../../storage/queries/devices.ts';
import { insertToDeviceMessage } from '../../storage/queries/to-device.ts';
import type { DeviceAddress } from './encryption-reader.ts';

const ALICE = '@alice:localhost';
const BOB = '@bob:localhost';

let world: TestEncryption;
let sender: DeviceAddress;
let phone: DeviceAddress;
let laptop: DeviceAddress;

beforeEach(async () => {
  world = await createTestEncryption();
  sender = await world.createDevice(BOB, 'SENDER');
  phone = await world.createDevice(ALICE, 'PHONE');
  laptop = await world.createDevice(ALICE, 'LAPTOP');
});

afterEach(() => world.close());

function send(
  messages: Record<string, Record<string, JsonObject>>,
  { type = 'm.test', transactionId = 't1' } = {},
): Promise<void> {
  return world.encryption.sending.send({ sender, type, transactionId, messages });
}

async function received(device: DeviceAddress): Promise<unknown[]> {
  const everything = { writer: 1, after: 0, upTo: Number.MAX_SAFE_INTEGER };
  const messages = await world.encryption.toDevice(device, everything, 100_000);
  return messages.map((message) => JSON.parse(message.json));
}

test('a message comes to its device, with its sender and a position of its own', async () => {
  await send({ [ALICE]: { PHONE: { n: 1 }, LAPTOP: { n: 2 }, GONE: { n: 3 } }, '@nobody:localhost': { X: {} } });
  expect(await received(phone)).toEqual([{ type: 'm.test', sender: BOB, content: { n: 1 } }]);
  expect(await received(laptop)).toEqual([{ type: 'm.test', sender: BOB, content: { n: 2 } }]);
  expect(world.takeChanges()).toMatchObject([
    { kind: 'to-device', userId: ALICE, deviceId: 'PHONE' },
    { kind: 'to-device', userId: ALICE, deviceId: 'LAPTOP' },
  ]);
});

test('"*" is every device of the user', async () => {
  await send({ [ALICE]: { '*': { n: 1 } }, [BOB]: { '*': { n: 2 } } });
  expect([await received(phone), await received(laptop), await received(sender)]).toEqual([
    [expect.objectContaining({ content: { n: 1 } })],
    [expect.objectContaining({ content: { n: 1 } })],
    [expect.objectContaining({ content: { n: 2 } })],
  ]);
});

test('a transaction is done once for a device and an event type, also when it comes twice at once', async () => {
  await Promise.all([send({ [ALICE]: { PHONE: { n: 1 } } }), send({ [ALICE]: { PHONE: { n: 1 } } })]);
  await send({ [ALICE]: { PHONE: { n: 1 } } });
  expect(await received(phone)).toHaveLength(1);
  expect(world.takeChanges()).toHaveLength(1);
  await send({ [ALICE]: { PHONE: { n: 2 } } }, { transactionId: 't2' });
  await send({ [ALICE]: { PHONE: { n: 3 } } }, { type: 'm.other' });
  expect(await received(phone)).toHaveLength(3);
});

test('bad and too large requests are refused as a whole', async () => {
  await expect(send({ [ALICE]: { PHONE: {} }, bob: { X: {} } })).rejects.toMatchObject({ errcode: 'M_INVALID_PARAM' });
  const large = { body: 'x'.repeat(60_000) };
  await expect(send({ [ALICE]: { PHONE: {}, LAPTOP: large } })).rejects.toMatchObject({ errcode: 'M_TOO_LARGE' });
  await expect(send({ [ALICE]: { PHONE: {} } }, { type: 'x'.repeat(256) })).rejects.toMatchObject({
    errcode: 'M_INVALID_PARAM',
  });
  expect(await received(phone)).toEqual([]);
});

test('"*" counts as the devices that it stands for', async () => {
  await world.storage.write((transaction) => {
    for (let count = 0; count < 1_999; count++) {
      transaction.run(
        {
          text: `insert into devices (user_id, device_id, created_ts) values (:userId, :deviceId, 1)`,
        },
        { userId: ALICE, deviceId: `D${count}` },
      );
    }
  });
  await expect(send({ [ALICE]: { '*': {} } })).rejects.toMatchObject({
    errcode: 'M_TOO_LARGE',
    message: expect.stringContaining('2001'),
  });
});

test('a device that never comes keeps its newest ten thousand messages', async () => {
  await world.storage.write((transaction) => {
    for (let count = 0; count < 10_005; count++) {
      const position = transaction.publish({ kind: 'to-device', userId: ALICE, deviceId: 'PHONE' });
      const row = { userId: ALICE, deviceId: 'PHONE', writer: transaction.writer, position, json: `${count}` };
      transaction.run(insertToDeviceMessage, row);
    }
  });
  await send({ [ALICE]: { PHONE: { n: 'newest' }, LAPTOP: {} } });
  const left = await received(phone);
  expect(left).toHaveLength(10_000);
  expect([left[0], left.at(-1)]).toEqual([6, expect.objectContaining({ content: { n: 'newest' } })]);
  expect(await received(laptop)).toHaveLength(1);
});

test('a device that is deleted meanwhile gets nothing that nobody would take away', async () => {
  const deleting = world.storage.write((transaction) => {
    for (const statement of deleteDevices) transaction.run(statement, { userId: ALICE, deviceIds: ['PHONE'] });
  });
  await Promise.all([deleting, send({ [ALICE]: { PHONE: {} } })]);
  expect(await received(phone)).toEqual([]);
});
