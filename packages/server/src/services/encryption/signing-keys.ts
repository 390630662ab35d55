import type { JsonObject } from '@limpet/protocol/json';
import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import {
  confirmKeyIsNoDevice,
  confirmSigningKey,
  deleteSigningKeys,
  deleteUserSignatures,
  insertSigningKey,
  selectSigningKeys,
} from '../../storage/queries/cross-signing.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import { publishDeviceListChange } from '../accounts/device-list-change.ts';
import { isSameKey } from './key-upload.ts';
import {
  checkSignedByMaster,
  type KeyMember,
  type KeyUsage,
  readUploadedKey,
  type SigningKey,
  USAGE_OF_MEMBER,
} from './signing-key.ts';

/** The keys of an upload by their names in it; at least their shape was looked at. */
export type SigningKeyUpload = Readonly<Partial<Record<KeyMember, JsonObject | undefined>>>;

/** A user's cross-signing keys by their usage. */
export type SigningKeysOfUser = ReadonlyMap<KeyUsage, SigningKey>;

/** Users read at once. */
const USERS_PER_READ = 500;

const FREE_EXPECTATION = 'no device is called like the key';
const UNCHANGED_EXPECTATION = 'the keys are as they were';

const NO_KEYS: SigningKeysOfUser = new Map();

/** The cross-signing keys of this server's users. Specification: client-server API, "Cross-signing". */
export class SigningKeys {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** By user; who has none is left out. */
  async of(userIds: readonly string[]): Promise<ReadonlyMap<string, SigningKeysOfUser>> {
    const found = new Map<string, Map<KeyUsage, SigningKey>>();
    for (let first = 0; first < userIds.length; first += USERS_PER_READ) {
      const some = userIds.slice(first, first + USERS_PER_READ);
      for (const row of await this.#storage.read(selectSigningKeys, { userIds: some })) {
        const ofUser = found.get(row.user_id) ?? new Map<KeyUsage, SigningKey>();
        ofUser.set(row.usage, { usage: row.usage, publicKey: row.public_key, json: row.json });
        found.set(row.user_id, ofUser);
      }
    }
    return found;
  }

  /**
   * Whether the user has to prove himself for this upload: not for his first keys, and not for keys that are here
   * already. Throws as `keep` does where the upload is wrong in itself.
   */
  async needsProof(userId: string, upload: SigningKeyUpload): Promise<boolean> {
    const { known, added } = await this.#compare(userId, upload);
    return known.has('master') && added.length > 0;
  }

  /**
   * Keeps these keys in the place of those that the user has. A new master key takes those with it that it did not
   * sign. Throws M_INVALID_PARAM and its like (`readUploadedKey`); M_MISSING_PARAM where there is no master key;
   * M_INVALID_SIGNATURE where it did not sign the others; M_FORBIDDEN where a device is called like a key.
   */
  async keep(userId: string, upload: SigningKeyUpload, { isProven }: { readonly isProven: boolean }): Promise<void> {
    const { known, added } = await this.#compare(userId, upload);
    if (added.length === 0) return;
    if (known.has('master') && !isProven) throw changedMeanwhile();
    const writing = this.#storage.write((transaction) => write(transaction, userId, { known, added }));
    await writing.catch((error) => {
      if (!(error instanceof ExpectationFailed)) throw error;
      throw error.expectation === FREE_EXPECTATION ? keyIdInUse() : changedMeanwhile();
    });
  }

  /** What is here, and what of the upload is not. */
  async #compare(userId: string, upload: SigningKeyUpload): Promise<KeyChange> {
    const uploaded = Object.keys(USAGE_OF_MEMBER).flatMap((name) => {
      const value = upload[name as KeyMember];
      return value === undefined ? [] : [readUploadedKey(userId, name as KeyMember, value)];
    });
    const known = (await this.of([userId])).get(userId) ?? NO_KEYS;
    const master = uploaded.find(({ usage }) => usage === 'master') ?? known.get('master');
    if (master === undefined) {
      throw new MatrixError('M_MISSING_PARAM', 'You have no master key yet: "master_key" is needed.');
    }
    for (const key of uploaded) if (key.usage !== 'master') checkSignedByMaster(userId, key, master);
    const changed = uploaded.filter((key) => {
      const before = known.get(key.usage);
      return before === undefined || !isSameKey(before.json, key.json);
    });
    // A new master key has signed the others anew.
    return { known, added: changed.some(({ usage }) => usage === 'master') ? uploaded : changed };
  }
}

interface KeyChange {
  readonly known: SigningKeysOfUser;
  readonly added: readonly SigningKey[];
}

function write(transaction: WriteTransaction, userId: string, { known, added }: KeyChange): void {
  const master = known.get('master');
  if (master !== undefined) {
    const { usage, publicKey } = master;
    transaction.expect(confirmSigningKey, { userId, usage, publicKey }, UNCHANGED_EXPECTATION);
    const usages = added.map((key) => key.usage);
    const gone: KeyUsage[] = usages.includes('master') ? Object.values(USAGE_OF_MEMBER) : usages;
    transaction.run(deleteSigningKeys, { userId, usages: gone });
    // Nobody could check them any more.
    if (gone.includes('user_signing')) transaction.run(deleteUserSignatures, { signerId: userId });
  }
  for (const { usage, publicKey, json } of added) {
    transaction.expect(insertSigningKey, { userId, usage, publicKey, json }, UNCHANGED_EXPECTATION);
    transaction.expect(confirmKeyIsNoDevice, { userId, usage, publicKey }, FREE_EXPECTATION);
  }
  publishDeviceListChange(transaction, userId);
}

function keyIdInUse(): MatrixError {
  return new MatrixError('M_FORBIDDEN', 'One of your devices is called like one of these keys. Make another key.');
}

function changedMeanwhile(): MatrixError {
  return limitExceeded('Your cross-signing keys were changed a moment ago. Look at them again before you go on.');
}
