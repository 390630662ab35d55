import { insertOneTimeKey, upsertDeviceKeys, upsertFallbackKey } from '../../storage/queries/device-keys.ts';
import type { WriteTransaction } from '../../storage/storage.ts';
import { publishDeviceListChange } from '../accounts/device-list-change.ts';
import type { DeviceAddress } from './encryption-reader.ts';
import type { KeyUpload } from './key-upload.ts';

const NEW_KEY_EXPECTATION = 'the one-time key is new';

/** Writes keys of a device, all of them new to it. The batch fails where a one-time key of that name is here. */
export function writeKeyUpload(
  transaction: WriteTransaction,
  { userId, deviceId }: DeviceAddress,
  { deviceKeysJson, oneTimeKeys, fallbackKeys }: KeyUpload,
): void {
  if (deviceKeysJson !== undefined) {
    transaction.run(upsertDeviceKeys, { userId, deviceId, json: deviceKeysJson });
    publishDeviceListChange(transaction, userId);
  }
  for (const key of oneTimeKeys) {
    const row = { userId, deviceId, ...key, ordinal: transaction.allocate() };
    transaction.expect(insertOneTimeKey, row, NEW_KEY_EXPECTATION);
  }
  for (const key of fallbackKeys) transaction.run(upsertFallbackKey, { userId, deviceId, ...key });
  const hasCountedKeys = oneTimeKeys.length + fallbackKeys.length > 0;
  if (hasCountedKeys) transaction.publish({ kind: 'one-time-keys', userId, deviceId });
}
