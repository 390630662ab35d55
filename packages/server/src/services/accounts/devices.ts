import type { UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { type DeviceRow, selectDevice, selectDevices, updateDeviceName } from '../../storage/queries/devices.ts';
import { ExpectationFailed, type Storage } from '../../storage/storage.ts';
import { checkDeviceName } from './check-device-name.ts';
import { publishDeviceListChange } from './device-list-change.ts';
import type { LastSeen } from './last-seen.ts';

export interface Device {
  readonly deviceId: string;
  readonly displayName: string | undefined;
  readonly lastSeenTs: number | undefined;
  readonly lastSeenIp: string | undefined;
  /** What the client said that it is when it logged in. */
  readonly userAgent: string | undefined;
}

/** The devices of users as their owners see them. Ending one is ending its session: `Sessions.close`. */
export class Devices {
  readonly #storage: Storage;
  readonly #lastSeen: LastSeen;

  constructor(storage: Storage, lastSeen: LastSeen) {
    this.#storage = storage;
    this.#lastSeen = lastSeen;
  }

  async list(userId: UserId): Promise<Device[]> {
    const rows = await this.#storage.read(selectDevices, { userId });
    return rows.map((row) => this.#deviceOf(userId, row));
  }

  /** Throws M_NOT_FOUND when the user has no such device. */
  async get(userId: UserId, deviceId: string): Promise<Device> {
    const [row] = await this.#storage.read(selectDevice, { userId, deviceId });
    if (row === undefined) throw unknownDevice();
    return this.#deviceOf(userId, row);
  }

  /** Throws M_NOT_FOUND when the user has no such device. */
  async rename(userId: UserId, deviceId: string, displayName: string): Promise<void> {
    checkDeviceName(displayName);
    const renaming = this.#storage.write((transaction) => {
      transaction.expect(updateDeviceName, { userId, deviceId, displayName }, 'the device exists');
      publishDeviceListChange(transaction, userId);
    });
    await renaming.catch((error) => {
      throw error instanceof ExpectationFailed ? unknownDevice() : error;
    });
  }

  #deviceOf(userId: UserId, row: DeviceRow): Device {
    return {
      deviceId: row.device_id,
      displayName: row.display_name ?? undefined,
      lastSeenTs: this.#lastSeen.noted(userId, row.device_id) ?? row.last_seen_ts ?? undefined,
      lastSeenIp: row.last_seen_ip ?? undefined,
      userAgent: row.user_agent ?? undefined,
    };
  }
}

function unknownDevice(): MatrixError {
  return new MatrixError('M_NOT_FOUND', 'You have no device with this ID.');
}
