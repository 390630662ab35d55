import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestEncryption, type TestEncryption } from '../../../tests/support/test-encryption.ts';
import type { DeviceAddress } from './encryption-reader.ts';

const ALICE = '@alice:localhost';
const SIGNED = 'signed_curve25519';

let world: TestEncryption;
let phone: DeviceAddress;

beforeEach(async () => {
  world = await createTestEncryption();
  phone = await world.createDevice(ALICE, 'PHONE');
});

afterEach(() => world.close());

async function upload(oneTimeKeys: Record<string, string>, fallbackKeys: Record<string, string> = {}): Promise<void> {
  await world.encryption.deviceKeys.upload(phone, { deviceKeys: undefined, oneTimeKeys, fallbackKeys });
  world.takeChanges();
}

async function claim(requested: Record<string, Record<string, string>> = { [ALICE]: { PHONE: SIGNED } }) {
  return JSON.parse((await world.encryption.keyClaims.claim(requested, undefined)).oneTimeKeysJson);
}

/** The one key of a claim for the phone. */
async function claimOne(): Promise<string> {
  const [name = ''] = Object.keys((await claim())[ALICE]?.PHONE ?? {});
  return name;
}

test('keys go out in the order in which they came, then the fallback key again and again', async () => {
  await upload({ [`${SIGNED}:B`]: 'b', [`${SIGNED}:A`]: 'a', 'curve25519:X': 'x' }, { [`${SIGNED}:F`]: 'f' });
  expect(await claim()).toEqual({ [ALICE]: { PHONE: { [`${SIGNED}:B`]: 'b' } } });
  await upload({ [`${SIGNED}:0`]: 'c' });
  expect([await claimOne(), await claimOne(), await claimOne(), await claimOne()]).toEqual(
    ['A', '0', 'F', 'F'].map((keyId) => `${SIGNED}:${keyId}`),
  );
  expect((await world.encryption.keyCounts(phone)).oneTimeKeys).toEqual({ curve25519: 1, [SIGNED]: 0 });
});

test('the first use of a fallback key is told; the same key again stays used, a new one is unused', async () => {
  await upload({}, { [`${SIGNED}:F`]: 'f' });
  await claimOne();
  expect(world.takeChanges()).toMatchObject([{ kind: 'one-time-keys', userId: ALICE, deviceId: 'PHONE' }]);
  expect((await world.encryption.keyCounts(phone)).unusedFallbackTypes).toEqual([]);
  await claimOne();
  expect(world.takeChanges()).toEqual([]);
  await upload({}, { [`${SIGNED}:F`]: 'f' });
  expect((await world.encryption.keyCounts(phone)).unusedFallbackTypes).toEqual([]);
  await upload({}, { [`${SIGNED}:G`]: 'g' });
  expect((await world.encryption.keyCounts(phone)).unusedFallbackTypes).toEqual([SIGNED]);
});

test('a key goes to one claim, however many claim at once', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `${SIGNED}:${index}`);
  await upload(Object.fromEntries(names.map((name) => [name, name])), { [`${SIGNED}:F`]: 'f' });
  const claimed = await Promise.all(Array.from({ length: 35 }, claimOne));
  expect(claimed.filter((name) => name === `${SIGNED}:F`)).toHaveLength(15);
  expect(claimed.filter((name) => name !== `${SIGNED}:F`).sort()).toEqual([...names].sort());
});

test('several devices in one claim; what is not there is left out, other servers are failures', async () => {
  const laptop = await world.createDevice(ALICE, 'LAPTOP');
  await upload({ [`${SIGNED}:A`]: 'a' });
  const keys = { [`${SIGNED}:A`]: 'b' };
  await world.encryption.deviceKeys.upload(laptop, { deviceKeys: undefined, oneTimeKeys: keys, fallbackKeys: {} });
  const { oneTimeKeysJson, failures } = await world.encryption.keyClaims.claim(
    {
      [ALICE]: { PHONE: SIGNED, LAPTOP: SIGNED, GONE: SIGNED },
      '@bob:localhost': { PHONE: SIGNED },
      '@carol:other.example': { PHONE: SIGNED },
    },
    undefined,
  );
  expect(JSON.parse(oneTimeKeysJson)).toEqual({
    [ALICE]: { PHONE: { [`${SIGNED}:A`]: 'a' }, LAPTOP: { [`${SIGNED}:A`]: 'b' } },
  });
  expect(Object.keys(failures)).toEqual(['other.example']);
  expect(await claim()).toEqual({});
});

test('a claim for nothing writes nothing', async () => {
  const { batches } = world.storage.tally;
  expect(await claim()).toEqual({});
  expect(world.storage.tally.batches).toBe(batches);
  const many = Object.fromEntries(Array.from({ length: 2_001 }, (_, index) => [`D${index}`, SIGNED]));
  await expect(claim({ [ALICE]: many })).rejects.toMatchObject({ errcode: 'M_TOO_LARGE' });
});
