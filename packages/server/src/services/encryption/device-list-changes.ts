import {
  selectDeviceListChanges,
  selectUsersMetWithin,
  selectUsersPartedWithin,
} from '../../storage/queries/device-lists.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StreamRange } from '../../storage/stream.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';

/** Whose keys a client has to ask for again, and whose it may forget. */
export interface DeviceListsDelta {
  readonly changed: readonly string[];
  readonly left: readonly string[];
}

/** Reads whose devices changed. Specification: client-server API, "Tracking the device list for a user". */
export class DeviceListChanges {
  readonly #storage: Storage;
  readonly #memberships: MembershipReader;

  constructor(storage: Storage, memberships: MembershipReader) {
    this.#storage = storage;
    this.#memberships = memberships;
  }

  /** Users whose devices or keys changed in these ranges, whoever they are. */
  async changedUsers(ranges: readonly StreamRange[]): Promise<string[]> {
    return distinct(
      await Promise.all(ranges.map((range) => this.#storage.read(selectDeviceListChanges, { ...range }))),
    );
  }

  /**
   * What this user has to know: `changed` are those sharing a room with him whose devices changed or who began to share
   * one; `left` may name somebody who never shared one, which is harmless.
   */
  async between(userId: string, ranges: readonly StreamRange[]): Promise<DeviceListsDelta> {
    if (ranges.length === 0) return { changed: [], left: [] };
    const [sharing, updated, met, parted] = await Promise.all([
      this.#memberships.usersSharingRooms(userId),
      this.changedUsers(ranges),
      Promise.all(ranges.map((range) => this.#storage.read(selectUsersMetWithin, { ...range, userId }))),
      Promise.all(ranges.map((range) => this.#storage.read(selectUsersPartedWithin, { ...range, userId }))),
    ]);
    const known = (user: string) => user === userId || sharing.has(user);
    return {
      changed: [...new Set([...updated, ...distinct(met)].filter(known))],
      left: distinct(parted).filter((user) => !known(user)),
    };
  }
}

function distinct(pages: readonly (readonly { user_id: string }[])[]): string[] {
  return [...new Set(pages.flat().map((row) => row.user_id))];
}
