import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { noNetwork } from '../../../tests/support/no-network.ts';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { upsertDeviceKeys } from '../../storage/queries/device-keys.ts';
import { deleteDevices, insertDevice } from '../../storage/queries/devices.ts';
import { upsertMembership } from '../../storage/queries/memberships.ts';
import { selectOutgoingEdus } from '../../storage/queries/outgoing-edus.ts';
import { upsertRoomServer } from '../../storage/queries/room-servers.ts';
import type { Storage } from '../../storage/storage.ts';
import { publishDeviceListChange } from '../accounts/device-list-change.ts';
import { DeviceListAnnouncer } from './device-list-announcer.ts';
import { SigningKeys } from './signing-keys.ts';

const ALICE = '@alice:test';

let storage: Storage;

beforeEach(async () => {
  storage = await openTestStorage();
});

afterEach(() => storage.close());

/** As a server that starts, does what is to be done, and stops. */
async function run(): Promise<void> {
  const { clock, timers } = createManualWorld();
  const platform = { clock, timers, random: seededRandom(1), log: silentLog, ...noNetwork };
  const announcer = new DeviceListAnnouncer({
    storage,
    platform,
    signingKeys: new SigningKeys(storage),
    isLocal: (userId) => userId.endsWith(':test'),
  });
  await announcer.start();
  await announcer.stop();
}

async function shareRoom(serverName: string): Promise<void> {
  const place = { roomNid: 1, writer: 1, position: 1 };
  const membership = { userId: ALICE, membership: 'join', eventNid: 1, sender: ALICE, joinedPosition: 1 };
  await storage.write((transaction) => {
    transaction.run(upsertMembership, { ...place, ...membership });
    transaction.run(upsertRoomServer, { ...place, serverName, isIn: 1 });
  });
}

async function setKeys(deviceId: string, key: string): Promise<void> {
  await storage.write((transaction) => {
    transaction.run(insertDevice, {
      userId: ALICE,
      deviceId,
      displayName: null,
      createdTs: 1,
      address: null,
      userAgent: null,
    });
    transaction.run(upsertDeviceKeys, { userId: ALICE, deviceId, json: JSON.stringify({ key }) });
    publishDeviceListChange(transaction, ALICE);
  });
}

async function queued(serverName = 'b.test') {
  const rows = await storage.read(selectOutgoingEdus, { serverName, limit: 100 });
  return rows.map((row) => JSON.parse(row.json));
}

test('a change that nobody was told of before a crash is told by the next start, once', async () => {
  await shareRoom('b.test');
  await setKeys('PHONE', 'a');
  await run();
  const [first, ...more] = await queued();
  expect(more).toEqual([]);
  expect(first).toMatchObject({ user_id: ALICE, device_id: 'PHONE', keys: { key: 'a' }, prev_id: [] });
  await run();
  expect(await queued()).toHaveLength(1);
});

test('each update names the one before it, and a device that is gone is said to be deleted', async () => {
  await shareRoom('b.test');
  await setKeys('PHONE', 'a');
  await run();
  const told = [...(await queued())];
  await setKeys('LAPTOP', 'b');
  await storage.write((transaction) => {
    for (const statement of deleteDevices) transaction.run(statement, { userId: ALICE, deviceIds: ['PHONE'] });
    publishDeviceListChange(transaction, ALICE);
  });
  await run();
  // What waited of the phone gave way to its deletion.
  const [laptop, phone] = await queued();
  expect(laptop).toMatchObject({ device_id: 'LAPTOP', prev_id: [told[0].stream_id] });
  expect(phone).toMatchObject({ device_id: 'PHONE', deleted: true, prev_id: [laptop.stream_id] });
});

test('without other servers nothing is told; with the next change they hear of all', async () => {
  await setKeys('PHONE', 'a');
  await run();
  await shareRoom('b.test');
  await run();
  expect(await queued()).toEqual([]);
  await setKeys('LAPTOP', 'b');
  await run();
  expect((await queued()).map((content) => content.device_id)).toEqual(['LAPTOP', 'PHONE']);
  expect(await queued('c.test')).toEqual([]);
});
