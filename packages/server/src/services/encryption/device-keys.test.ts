import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestEncryption, type TestEncryption } from '../../../tests/support/test-encryption.ts';
import { deleteDevices } from '../../storage/queries/devices.ts';
import { publishDeviceListChange } from '../accounts/device-list-change.ts';
import type { DeviceAddress } from './encryption-reader.ts';
import type { KeyUploadRequest } from './key-upload.ts';

const ALICE = '@alice:localhost';

let world: TestEncryption;
let phone: DeviceAddress;

beforeEach(async () => {
  world = await createTestEncryption();
  phone = await world.createDevice(ALICE, 'PHONE', "Alice's phone");
});

afterEach(() => world.close());

function upload(request: Partial<KeyUploadRequest>, device = phone): Promise<void> {
  const nothing = { deviceKeys: undefined, oneTimeKeys: {}, fallbackKeys: {} };
  return world.encryption.deviceKeys.upload(device, { ...nothing, ...request });
}

function deviceKeys(extra: JsonObject = {}, device = phone): JsonObject {
  const keys = { [`ed25519:${device.deviceId}`]: 'key' };
  const signatures = { [device.userId]: { [`ed25519:${device.deviceId}`]: 'signature' } };
  return { user_id: device.userId, device_id: device.deviceId, algorithms: ['a'], keys, signatures, ...extra };
}

async function query(requested: Record<string, string[]>) {
  const { deviceKeysJson, failures } = await world.encryption.keyQueries.query(requested, {
    viewer: ALICE,
    timeoutMs: undefined,
  });
  return { deviceKeys: JSON.parse(deviceKeysJson), failures };
}

async function countsOf(device = phone) {
  return (await world.encryption.keyCounts(device)).oneTimeKeys;
}

describe('device keys', () => {
  test('come back as they were uploaded, with the name of the device and no other unsigned part', async () => {
    await upload({ deviceKeys: deviceKeys({ unsigned: { device_display_name: 'forged' }, dehydrated: true }) });
    const laptop = await world.createDevice(ALICE, 'LAPTOP');
    await upload({ deviceKeys: deviceKeys({}, laptop) }, laptop);
    await world.createDevice(ALICE, 'WITHOUT');
    expect((await query({ [ALICE]: [] })).deviceKeys).toEqual({
      [ALICE]: {
        PHONE: { ...deviceKeys({ dehydrated: true }), unsigned: { device_display_name: "Alice's phone" } },
        LAPTOP: { ...deviceKeys({}, laptop), unsigned: {} },
      },
    });
    expect(Object.keys((await query({ [ALICE]: ['PHONE', 'GONE'] })).deviceKeys[ALICE])).toEqual(['PHONE']);
  });

  test('every local user has an entry, other servers are failures, what is no user ID is passed over', async () => {
    const answer = await query({
      '@nobody:localhost': [],
      [ALICE]: [],
      '@x:other.example': [],
      '@y:other.example': [],
      z: [],
    });
    expect(answer.deviceKeys).toEqual({ '@nobody:localhost': {}, [ALICE]: {} });
    expect(Object.keys(answer.failures)).toEqual(['other.example']);
  });

  test('publish a changed device list when they differ, whatever the order of their keys', async () => {
    await upload({ deviceKeys: deviceKeys() });
    await upload({ deviceKeys: Object.fromEntries(Object.entries(deviceKeys()).reverse()) });
    expect(world.takeChanges()).toMatchObject([{ kind: 'device-list', userId: ALICE }]);
    await upload({ deviceKeys: deviceKeys({ algorithms: ['a', 'b'] }) });
    const [change] = world.takeChanges();
    expect(change?.kind).toBe('device-list');
    const upTo = change?.position ?? 0;
    expect(await world.encryption.changedUsers([{ writer: 1, after: upTo - 1, upTo }])).toEqual([ALICE]);
    expect(await world.encryption.changedUsers([{ writer: 1, after: 0, upTo: upTo - 1 }])).toEqual([]);
    expect(await world.encryption.changedUsers([{ writer: 2, after: 0, upTo }])).toEqual([]);
  });

  test('of another device or user are refused, and so are those of a device that is gone', async () => {
    for (const other of [{ user_id: '@bob:localhost' }, { device_id: 'LAPTOP' }]) {
      await expect(upload({ deviceKeys: deviceKeys(other) })).rejects.toMatchObject({ errcode: 'M_INVALID_PARAM' });
    }
    const gone = { userId: ALICE, deviceId: 'GONE' };
    const one = upload({ oneTimeKeys: { 'signed_curve25519:A': 'a' } }, gone);
    await expect(one).rejects.toMatchObject({ errcode: 'M_UNKNOWN_TOKEN' });
    expect(await countsOf(gone)).toEqual({ signed_curve25519: 0 });
    expect(world.takeChanges()).toEqual([]);
  });
});

describe('one-time keys', () => {
  test('are counted by algorithm; the same key may come again', async () => {
    expect(await countsOf()).toEqual({ signed_curve25519: 0 });
    const signed = { key: 'a', signatures: { [ALICE]: { 'ed25519:PHONE': '1' } } };
    await upload({ oneTimeKeys: { 'signed_curve25519:A': signed, 'curve25519:A': 'plain' } });
    const signedAnew = { signatures: { [ALICE]: { 'ed25519:PHONE': '2' } }, key: 'a' };
    await upload({ oneTimeKeys: { 'signed_curve25519:A': signedAnew, 'signed_curve25519:B': { key: 'b' } } });
    expect(await countsOf()).toEqual({ signed_curve25519: 2, curve25519: 1 });
    expect(world.takeChanges().map((change) => change.kind)).toEqual(['one-time-keys', 'one-time-keys']);
  });

  test('another key under a name that is taken is refused, and nothing of that upload is kept', async () => {
    await upload({ oneTimeKeys: { 'signed_curve25519:A': { key: 'a' } } });
    const oneTimeKeys = { 'signed_curve25519:B': { key: 'b' }, 'signed_curve25519:A': { key: 'other' } };
    await expect(upload({ oneTimeKeys, deviceKeys: deviceKeys() })).rejects.toMatchObject({
      errcode: 'M_INVALID_PARAM',
      message: expect.stringContaining('already exists'),
    });
    expect(await countsOf()).toEqual({ signed_curve25519: 1 });
    expect((await query({ [ALICE]: [] })).deviceKeys).toEqual({ [ALICE]: {} });
  });

  test('two uploads at once: of the same keys both are good, of differing ones a single one is', async () => {
    const same = { 'signed_curve25519:A': { key: 'a' } };
    await Promise.all([upload({ oneTimeKeys: same }), upload({ oneTimeKeys: same })]);
    const differing = ['b', 'c'].map((key) => upload({ oneTimeKeys: { 'signed_curve25519:B': { key } } }));
    const outcomes = (await Promise.allSettled(differing)).map((one) => one.status);
    expect(outcomes.sort()).toEqual(['fulfilled', 'rejected']);
    expect(await countsOf()).toEqual({ signed_curve25519: 2 });
  });

  test.each([['A'], ['signed_curve25519:'], [':A'], ['a:b:c'], ['signed_curve25519:\ud800'], [`a:${'b'.repeat(255)}`]])(
    'the name %j is refused',
    async (name) => {
      await expect(upload({ oneTimeKeys: { [name]: 'a' } })).rejects.toMatchObject({ errcode: 'M_INVALID_PARAM' });
    },
  );

  test('a device may have a thousand, of 8 KiB at most', async () => {
    const many = (from: number, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`a:${from + index}`, 'x']));
    await upload({ oneTimeKeys: many(0, 1_000) });
    await expect(upload({ oneTimeKeys: many(1_000, 1) })).rejects.toMatchObject({ errcode: 'M_TOO_LARGE' });
    const large = { 'signed_curve25519:A': 'x'.repeat(8_191) };
    await expect(upload({ fallbackKeys: large })).rejects.toMatchObject({ errcode: 'M_TOO_LARGE' });
    await expect(upload({ oneTimeKeys: { 'a:b': 5 } })).rejects.toMatchObject({ errcode: 'M_INVALID_PARAM' });
  });
});

test('a device has one fallback key of each algorithm', async () => {
  const two = { 'signed_curve25519:A': 'a', 'signed_curve25519:B': 'b' };
  await expect(upload({ fallbackKeys: two })).rejects.toMatchObject({ errcode: 'M_INVALID_PARAM' });
  await upload({ fallbackKeys: { 'signed_curve25519:A': 'a', 'curve25519:A': 'a' } });
  await upload({ fallbackKeys: { 'signed_curve25519:B': 'b' } });
  const { unusedFallbackTypes } = await world.encryption.keyCounts(phone);
  expect(unusedFallbackTypes).toEqual(['curve25519', 'signed_curve25519']);
});

test('counts are read once and again after each change; a deleted device has none', async () => {
  await upload({ oneTimeKeys: { 'signed_curve25519:A': 'a' } });
  expect(await countsOf()).toEqual({ signed_curve25519: 1 });
  const { reads } = world.storage.tally;
  await Promise.all([countsOf(), countsOf(), countsOf()]);
  expect(world.storage.tally.reads).toBe(reads);
  await upload({ oneTimeKeys: { 'signed_curve25519:B': 'b' } });
  expect(await countsOf()).toEqual({ signed_curve25519: 2 });
  await world.storage.write((transaction) => {
    for (const statement of deleteDevices) transaction.run(statement, { userId: ALICE, deviceIds: ['PHONE'] });
    publishDeviceListChange(transaction, ALICE);
  });
  expect(await countsOf()).toEqual({ signed_curve25519: 0 });
});
