import { isLongerThan, parseDeviceId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import {
  confirmDehydratedDevice,
  insertDehydratedDevice,
  selectDehydratedDevice,
} from '../../storage/queries/dehydrated-devices.ts';
import { deleteDevices, insertNewDevice } from '../../storage/queries/devices.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import { rangesBetween, type StreamVector } from '../../storage/stream.ts';
import { checkDeviceName } from '../accounts/check-device-name.ts';
import { publishDeviceListChange } from '../accounts/device-list-change.ts';
import { checkKeyUpload, type KeyUploadRequest } from './key-upload.ts';
import { parseStreamText, streamText } from './stream-text.ts';
import type { ToDeviceQueue } from './to-device-queue.ts';
import { writeKeyUpload } from './write-key-upload.ts';

/** Largest `device_data`: with 50 one-time keys it has some 8 KiB. */
const MAX_DATA_BYTES = 262_144;
/** One-time keys that it comes with; nobody ever uploads more for it. */
const MAX_ONE_TIME_KEYS = 1_000;
/** Most messages in one answer. */
const MAX_EVENTS = 100;

const KNOWN_EXPECTATION = 'the dehydrated device is the one that was known';
const FREE_EXPECTATION = 'nothing is called like the new device';

export interface NewDehydratedDevice extends KeyUploadRequest {
  readonly deviceId: string;
  /** Encrypted; only the user's devices can read it. */
  readonly data: JsonObject;
  readonly displayName: string | undefined;
}

export interface DehydratedDevice {
  readonly deviceId: string;
  readonly data: JsonObject;
}

export interface DehydratedEvents {
  /** Each the text of a client's event. */
  readonly texts: readonly string[];
  readonly nextBatch: string;
  readonly isMore: boolean;
}

export interface DehydratedDevicesParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly queue: Pick<ToDeviceQueue, 'read'>;
}

/**
 * Devices that nobody is logged in with: others send them keys while their user has no device at all, and the next one
 * that he logs in with takes their messages. They are devices like others to everybody else; a user has one at most.
 * MSC3814, "Dehydrated Devices with SSSS".
 */
export class DehydratedDevices {
  readonly #parts: DehydratedDevicesParts;

  constructor(parts: DehydratedDevicesParts) {
    this.#parts = parts;
  }

  /**
   * Takes the place of the dehydrated device that there was, with all that waited for it. Throws as `checkKeyUpload`
   * does; M_INVALID_PARAM where a device or cross-signing key of the user has its ID; M_TOO_LARGE.
   */
  async put(userId: string, device: NewDehydratedDevice): Promise<void> {
    const { displayName, data } = device;
    const deviceId = parseDeviceId(device.deviceId);
    checkDeviceName(displayName);
    const dataJson = JSON.stringify(data);
    if (isLongerThan(dataJson, MAX_DATA_BYTES)) {
      throw new MatrixError('M_TOO_LARGE', `"device_data" may have ${MAX_DATA_BYTES} bytes at most.`);
    }
    const upload = checkKeyUpload({ userId, deviceId }, device);
    if (upload.oneTimeKeys.length > MAX_ONE_TIME_KEYS) {
      throw new MatrixError('M_TOO_LARGE', `A device may have ${MAX_ONE_TIME_KEYS} one-time keys here.`);
    }
    const [known] = await this.#parts.storage.read(selectDehydratedDevice, { userId });
    const createdTs = this.#parts.platform.clock.nowMs();
    await this.#write((transaction) => {
      if (known !== undefined) removeWithin(transaction, userId, known.device_id);
      const row = { userId, deviceId, displayName: displayName ?? null, createdTs };
      transaction.expect(insertNewDevice, row, FREE_EXPECTATION);
      transaction.expect(insertDehydratedDevice, { userId, deviceId, dataJson }, KNOWN_EXPECTATION);
      writeKeyUpload(transaction, { userId, deviceId }, upload);
    });
  }

  /** Throws M_NOT_FOUND where the user has none. */
  async get(userId: string): Promise<DehydratedDevice> {
    const [row] = await this.#parts.storage.read(selectDehydratedDevice, { userId });
    if (row === undefined) throw new MatrixError('M_NOT_FOUND', 'You have no dehydrated device.');
    return { deviceId: row.device_id, data: JSON.parse(row.data_json) };
  }

  /** Its ID. Throws M_NOT_FOUND where the user has none. */
  async delete(userId: string): Promise<string> {
    const { deviceId } = await this.get(userId);
    await this.#write((transaction) => {
      removeWithin(transaction, userId, deviceId);
      publishDeviceListChange(transaction, userId);
    });
    return deviceId;
  }

  /**
   * Messages for the device from a place on, oldest first. They stay here until the device is replaced, so that who is
   * interrupted begins again. Throws M_FORBIDDEN where this is not the user's dehydrated device, M_INVALID_PARAM for a
   * place that is none of ours.
   */
  async events(
    userId: string,
    deviceId: string,
    { from, limit }: { readonly from: string | undefined; readonly limit: number | undefined },
  ): Promise<DehydratedEvents> {
    const { storage, queue } = this.#parts;
    const start: StreamVector = from === undefined ? new Map() : parseStreamText(from);
    const [known] = await storage.read(selectDehydratedDevice, { userId });
    if (known?.device_id !== deviceId) {
      throw new MatrixError('M_FORBIDDEN', 'This is not your dehydrated device. Ask which one is.');
    }
    const most = Math.min(limit ?? MAX_EVENTS, MAX_EVENTS);
    const place = new Map(start);
    const texts: string[] = [];
    for (const range of rangesBetween(start, storage.stream.current())) {
      const left = most - texts.length;
      const messages = await queue.read({ userId, deviceId }, range, left + 1);
      const given = messages.slice(0, left);
      texts.push(...given.map(({ json }) => json));
      const isMore = messages.length > left;
      place.set(range.writer, isMore ? (given.at(-1)?.position ?? range.after) : range.upTo);
      if (isMore) return { texts, nextBatch: streamText(place), isMore };
    }
    return { texts, nextBatch: streamText(place), isMore: false };
  }

  async #write(build: (transaction: WriteTransaction) => void): Promise<void> {
    await this.#parts.storage.write(build).catch((error) => {
      if (!(error instanceof ExpectationFailed)) throw error;
      throw error.expectation === FREE_EXPECTATION
        ? new MatrixError('M_INVALID_PARAM', 'You have a device or a key of this ID. Use another one.')
        : limitExceeded('Your dehydrated device was changed a moment ago. Look at it again before you go on.');
    });
  }
}

function removeWithin(transaction: WriteTransaction, userId: string, deviceId: string): void {
  transaction.expect(confirmDehydratedDevice, { userId, deviceId }, KNOWN_EXPECTATION);
  for (const statement of deleteDevices) transaction.run(statement, { userId, deviceIds: [deviceId] });
}
