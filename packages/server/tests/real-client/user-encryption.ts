import { Method } from 'matrix-js-sdk';
import type { CryptoApi } from 'matrix-js-sdk/lib/crypto-api/index.js';
import { RustBackupManager } from 'matrix-js-sdk/lib/rust-crypto/backup.js';
import type { SdkClient } from './sdk-client.ts';

/** What the SDK does for its user's encryption. */
export function cryptoOf({ client, userId }: SdkClient): CryptoApi {
  const crypto = client.getCrypto();
  if (crypto === undefined) throw new Error(`${userId} has no encryption`);
  return crypto;
}

/** As an application does after registration: cross-signing keys, secret storage, and a key backup. */
export async function setUpEncryption(device: SdkClient): Promise<void> {
  // Else a client waits up to ten seconds before it backs up a new key, so that not all of them do at once.
  Object.assign(RustBackupManager, { maxBackupLoopStartDelayMillis: 0 });
  const crypto = cryptoOf(device);
  await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: (upload) => upload(null) });
  await crypto.bootstrapSecretStorage({
    createSecretStorageKey: () => crypto.createRecoveryKeyFromPassphrase(),
    setupNewKeyBackup: true,
  });
}

/** How many keys the server has in the user's backup. The SDK itself remembers what was there when it looked. */
export async function backedUpKeys({ client }: SdkClient): Promise<number> {
  return (await client.http.authedRequest<{ count: number }>(Method.Get, '/room_keys/version')).count;
}

/** As an application does on a new device once its user typed in the recovery key. Gives how many keys came back. */
export async function unlockEncryption(device: SdkClient): Promise<number> {
  const crypto = cryptoOf(device);
  // The private keys are held against the public ones.
  await crypto.userHasCrossSigningKeys(device.userId, true);
  await crypto.bootstrapCrossSigning({});
  await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
  await crypto.checkKeyBackupAndEnable();
  return (await crypto.restoreKeyBackup()).imported;
}
