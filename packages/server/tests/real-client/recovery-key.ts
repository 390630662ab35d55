import type { CryptoCallbacks } from 'matrix-js-sdk/lib/crypto-api/index.js';

/**
 * What a user writes down when he sets up encryption, and types in on a new device: with it the SDK opens what his
 * devices keep for each other on the server, the private cross-signing keys and that of the key backup.
 */
export class RecoveryKey {
  readonly #keys = new Map<string, Uint8Array<ArrayBuffer>>();

  /** For a client of his, whichever device it is. */
  readonly callbacks: CryptoCallbacks = {
    cacheSecretStorageKey: (keyId, _info, key) => void this.#keys.set(keyId, key),
    getSecretStorageKey: async ({ keys }) => {
      const known = Object.keys(keys).find((keyId) => this.#keys.has(keyId));
      const key = known === undefined ? undefined : this.#keys.get(known);
      return known === undefined || key === undefined ? null : [known, key];
    },
  };
}
