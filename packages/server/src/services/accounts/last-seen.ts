import type { UserId } from '@limpet/protocol/identifiers';
import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import { updateLastSeen } from '../../storage/queries/devices.ts';
import { type Storage, StorageFailure } from '../../storage/storage.ts';

/** A device's `last_seen_ts` on disk lags behind by this much at most. */
const WRITE_EVERY_MS = 60_000;
/** Devices noted before they are written early. */
const MAX_NOTED = 10_000;

interface Seen {
  readonly userId: UserId;
  readonly deviceId: string;
  lastSeenTs: number;
}

/**
 * Notes when each device was last seen, and writes it now and then: a write for each request would cost more than the
 * request.
 */
export class LastSeen {
  readonly #storage: Storage;
  readonly #platform: Platform;
  #noted = new Map<string, Seen>();
  #timer: Timer | undefined;

  constructor(storage: Storage, platform: Platform) {
    this.#storage = storage;
    this.#platform = platform;
  }

  note(userId: UserId, deviceId: string): void {
    const lastSeenTs = this.#platform.clock.nowMs();
    const key = `${userId}\0${deviceId}`;
    const seen = this.#noted.get(key);
    if (seen !== undefined) {
      seen.lastSeenTs = lastSeenTs;
      return;
    }
    this.#noted.set(key, { userId, deviceId, lastSeenTs });
    if (this.#noted.size >= MAX_NOTED) {
      void this.flush();
      return;
    }
    this.#timer ??= this.#platform.timers.after(WRITE_EVERY_MS, () => void this.flush());
  }

  /** What is noted and not written yet; `undefined` when what the table says holds. */
  noted(userId: UserId, deviceId: string): number | undefined {
    return this.#noted.get(`${userId}\0${deviceId}`)?.lastSeenTs;
  }

  /** Writes all that is noted; also at the end of the server. A failure is logged and costs these times alone. */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const noted = [...this.#noted.values()];
    this.#noted = new Map();
    if (noted.length === 0) return;
    try {
      await this.#storage.write((transaction) => {
        for (const { userId, deviceId, lastSeenTs } of noted) {
          transaction.run(updateLastSeen, { userId, deviceId, lastSeenTs });
        }
      });
    } catch (error) {
      // Nobody waits for this who could be told; anything but a failing database is a bug of ours.
      const { log } = this.#platform;
      const fields = { devices: noted.length, error };
      if (error instanceof StorageFailure) log.warn('Could not write when devices were last seen', fields);
      else log.error('A bug kept the times from being written when devices were last seen', fields);
    }
  }
}
