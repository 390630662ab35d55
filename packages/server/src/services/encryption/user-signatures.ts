import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { selectSignedUsers, selectUserSignatures } from '../../storage/queries/cross-signing.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StreamRange } from '../../storage/stream.ts';
import { withSignatures } from './new-signatures.ts';

/** Keys whose signatures are read at once. */
const KEYS_PER_READ = 500;

/**
 * What users signed of others with their user-signing keys. Each sees his own alone.
 * Specification: client-server API, "Key and signature security".
 */
export class UserSignatures {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** These master keys, by user, with the viewer's signatures. */
  async addTo(masterKeys: readonly [string, string][], viewer: string): Promise<[string, string][]> {
    const userIds = masterKeys.map(([userId]) => userId);
    const signed = new Map<string, { publicKey: string; keyId: string; signature: string }>();
    for (let first = 0; first < userIds.length; first += KEYS_PER_READ) {
      const some = { signerId: viewer, userIds: userIds.slice(first, first + KEYS_PER_READ) };
      for (const row of await this.#storage.read(selectUserSignatures, some)) {
        const { public_key: publicKey, signer_key_id: keyId, signature } = row;
        signed.set(row.user_id, { publicKey, keyId, signature });
      }
    }
    return masterKeys.map(([userId, json]) => {
      const one = signed.get(userId);
      if (one === undefined) return [userId, json];
      const key: JsonObject = JSON.parse(json);
      // He signed the key that there was before.
      if (!hasKey(key, one.publicKey)) return [userId, json];
      const signatures = new Map([[one.keyId, one.signature]]);
      return [userId, JSON.stringify(withSignatures(key, { userId: viewer, signatures }, () => false))];
    });
  }

  /** Whom this user signed in these ranges. */
  async signedUsers(signerId: string, ranges: readonly StreamRange[]): Promise<readonly string[]> {
    const pages = await Promise.all(
      ranges.map((range) => this.#storage.read(selectSignedUsers, { signerId, ...range })),
    );
    return [...new Set(pages.flat().map((row) => row.user_id))];
  }
}

function hasKey({ keys }: JsonObject, publicKey: string): boolean {
  return isJsonObject(keys) && Object.values(keys).includes(publicKey);
}
