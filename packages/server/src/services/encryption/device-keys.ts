import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import {
  confirmDevice,
  selectDeviceKeys,
  selectDeviceKeysOfUsers,
  selectOneTimeKeys,
} from '../../storage/queries/device-keys.ts';
import { ExpectationFailed, type Storage } from '../../storage/storage.ts';
import { deviceKeysText } from './device-keys-text.ts';
import type { DeviceAddress } from './encryption-reader.ts';
import { jsonObjectText } from './json-text.ts';
import { checkKeyUpload, isSameKey, type KeyUpload, type KeyUploadRequest, type UploadedKey } from './key-upload.ts';
import { writeKeyUpload } from './write-key-upload.ts';

/** One-time keys that a device may have here; clients keep 50 to 100. */
const MAX_ONE_TIME_KEYS = 1_000;
/** How often an upload is looked at again when another one of the same device comes between. */
const MAX_ATTEMPTS = 3;
/** Users in one query; clients ask for 250. */
export const MAX_USERS_PER_QUERY = 5_000;
/** Users read at once. */
const USERS_PER_READ = 500;

const DEVICE_EXPECTATION = 'the device exists';

/** The public keys of devices. Specification: client-server API, "End-to-End Encryption", key management. */
export class DeviceKeys {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /**
   * Keeps the keys, all or none; those that are here already are passed over. Throws as `checkKeyUpload` does, and
   * M_INVALID_PARAM where a one-time key of that name is here and is another key.
   */
  async upload(device: DeviceAddress, request: KeyUploadRequest): Promise<void> {
    const upload = checkKeyUpload(device, request);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const changes = await this.#compare(device, upload);
      if (await this.#keep(device, changes)) return;
    }
    throw limitExceeded('This device uploads keys several times at once.');
  }

  /**
   * The keys of users of this server, of some of their devices or (an empty list) of all: by user, a text of JSON by
   * device. Each of these users that was asked for has an entry. Throws M_TOO_LARGE for too many users.
   */
  async read(requested: readonly (readonly [string, readonly string[]])[]): Promise<[string, string][]> {
    if (requested.length > MAX_USERS_PER_QUERY) {
      throw new MatrixError('M_TOO_LARGE', `One query may ask for ${MAX_USERS_PER_QUERY} users.`);
    }
    const users: [string, string][] = [];
    for (let first = 0; first < requested.length; first += USERS_PER_READ) {
      users.push(...(await this.#read(requested.slice(first, first + USERS_PER_READ))));
    }
    return users;
  }

  async #read(requested: readonly (readonly [string, readonly string[]])[]): Promise<[string, string][]> {
    const userIds = requested.map(([userId]) => userId);
    const rows = await this.#storage.read(selectDeviceKeysOfUsers, { userIds });
    const byUser = Map.groupBy(rows, (row) => row.user_id);
    return requested.map(([userId, deviceIds]) => {
      const wanted = (byUser.get(userId) ?? []).filter(
        (row) => deviceIds.length === 0 || deviceIds.includes(row.device_id),
      );
      return [userId, jsonObjectText(wanted.map((row) => [row.device_id, deviceKeysText(row.json, row.display_name)]))];
    });
  }

  /** What of the upload is new. */
  async #compare(device: DeviceAddress, upload: KeyUpload): Promise<KeyUpload> {
    const { userId, deviceId } = device;
    const [known] =
      upload.deviceKeysJson === undefined ? [] : await this.#storage.read(selectDeviceKeys, { userId, deviceId });
    return {
      deviceKeysJson: isKnown(known?.json, upload.deviceKeysJson) ? undefined : upload.deviceKeysJson,
      oneTimeKeys: upload.oneTimeKeys.length === 0 ? [] : await this.#newOneTimeKeys(device, upload.oneTimeKeys),
      fallbackKeys: upload.fallbackKeys,
    };
  }

  async #newOneTimeKeys({ userId, deviceId }: DeviceAddress, keys: readonly UploadedKey[]): Promise<UploadedKey[]> {
    const rows = await this.#storage.read(selectOneTimeKeys, { userId, deviceId });
    const known = new Map(rows.map((row) => [`${row.algorithm}:${row.key_id}`, row.json]));
    const added = keys.filter(({ algorithm, keyId, json }) => {
      const existing = known.get(`${algorithm}:${keyId}`);
      if (existing !== undefined && !isSameKey(existing, json)) throw differingKey(`${algorithm}:${keyId}`);
      return existing === undefined;
    });
    if (rows.length + added.length > MAX_ONE_TIME_KEYS) {
      throw new MatrixError('M_TOO_LARGE', `A device may have ${MAX_ONE_TIME_KEYS} one-time keys here.`);
    }
    return added;
  }

  /** Whether it is written; not when another upload came between. */
  async #keep(device: DeviceAddress, changes: KeyUpload): Promise<boolean> {
    const { userId, deviceId } = device;
    const { deviceKeysJson, oneTimeKeys, fallbackKeys } = changes;
    if (deviceKeysJson === undefined && oneTimeKeys.length + fallbackKeys.length === 0) return true;
    const writing = this.#storage.write((transaction) => {
      transaction.expect(confirmDevice, { userId, deviceId }, DEVICE_EXPECTATION);
      writeKeyUpload(transaction, device, changes);
    });
    return writing.then(
      () => true,
      (error) => {
        if (!(error instanceof ExpectationFailed)) throw error;
        if (error.expectation === DEVICE_EXPECTATION) {
          throw new MatrixError('M_UNKNOWN_TOKEN', 'This device was logged out a moment ago. Log in again.');
        }
        return false;
      },
    );
  }
}

/** A device that says the same again does not take the signatures of its user's keys away. */
function isKnown(known: string | undefined, uploaded: string | undefined): boolean {
  return known !== undefined && uploaded !== undefined && isSameKey(known, uploaded);
}

function differingKey(name: string): MatrixError {
  const text = `The one-time key ${name} already exists and is another key. Upload the new one under another name.`;
  return new MatrixError('M_INVALID_PARAM', text);
}
