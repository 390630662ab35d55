import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import type { PublishedChange } from '../../storage/change.ts';
import {
  deleteAnnouncedDevice,
  selectAnnouncedDevices,
  selectAnnouncedList,
  selectAnnouncedPositions,
  selectServersSharingOneRoom,
  selectServersSharingRooms,
  upsertAnnouncedDevice,
  upsertAnnouncedList,
  upsertAnnouncedPosition,
} from '../../storage/queries/announced-devices.ts';
import { selectAnnouncedSigningKeys, upsertAnnouncedSigningKeys } from '../../storage/queries/cross-signing.ts';
import { selectDeviceKeysOfUsers } from '../../storage/queries/device-keys.ts';
import { selectSomeDeviceListChanges } from '../../storage/queries/device-lists.ts';
import type { Storage, WriteTransaction } from '../../storage/storage.ts';
import { rangesBetween } from '../../storage/stream.ts';
import { queueEdu } from '../remote-servers/outgoing-edus.ts';
import {
  announcedChanges,
  type ChangedDevice,
  type CurrentDevice,
  deviceListUpdate,
  digestOfText,
  signingKeyUpdate,
} from './announced-changes.ts';
import type { SigningKeys } from './signing-keys.ts';

/** Users whose changes wait in memory. Beyond it they are read from the tables when these are done. */
const MAX_WAITING = 50_000;
/** EDUs in one batch: small, so that no writer waits. */
const EDUS_PER_BATCH = 500;
/** Changes that nobody had to be told of, after which it is noted that they were looked at. */
const MAX_UNNOTED = 500;
const RETRY_MS = 10_000;

export interface DeviceListAnnouncerParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly signingKeys: SigningKeys;
  readonly isLocal: (userId: string) => boolean;
}

/** Rooms that the user joined since; none where his devices changed. */
type JoinedRooms = Set<string>;

/**
 * Tells other servers when the devices or the cross-signing keys of this server's users change. It follows the stream
 * with a saved position, and tells what differs from what it told last: whatever happened in between, a crash or a time
 * without other servers, the next update makes it good. Specification: server-server API, "Device Management".
 */
export class DeviceListAnnouncer {
  readonly #parts: DeviceListAnnouncerParts;
  readonly #waiting = new Map<string, JoinedRooms>();
  /** By writer: the newest change that waits or was looked at. */
  readonly #noted = new Map<number, number>();
  #unnoted = 0;
  /** There is more in the tables than waits here. */
  #isMore = false;
  #running: Promise<void> | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(parts: DeviceListAnnouncerParts) {
    this.#parts = parts;
    parts.storage.stream.follow((changes) => this.#note(changes));
  }

  /** Goes on where the last run of the server ended. */
  async start(): Promise<void> {
    await this.#load();
    this.#wake();
  }

  /** Tells what waits, and keeps how far that is. */
  async stop(): Promise<void> {
    await this.#running;
    this.#isStopped = true;
    this.#timer?.cancel();
    if (this.#unnoted > 0 && this.#waiting.size === 0 && !this.#isMore) await this.#keepPosition();
  }

  /** Reads on from what is kept, as much as may wait. */
  async #load(): Promise<void> {
    const { storage, isLocal } = this.#parts;
    const saved = new Map<number, number>();
    for (const { writer, position } of await storage.read(selectAnnouncedPositions, {})) saved.set(writer, position);
    this.#isMore = false;
    for (const range of rangesBetween(saved, storage.stream.current())) {
      const rows = await storage.read(selectSomeDeviceListChanges, { ...range, limit: MAX_WAITING });
      for (const { user_id: userId } of rows) if (isLocal(userId)) this.#add(userId);
      this.#unnoted += rows.length;
      const last = rows.length < MAX_WAITING ? undefined : rows.at(-1);
      if (last !== undefined) this.#isMore = true;
      this.#noted.set(range.writer, last?.position ?? Math.max(this.#noted.get(range.writer) ?? 0, range.upTo));
    }
  }

  #note(changes: readonly PublishedChange[]): void {
    for (const change of changes) {
      if (this.#waiting.size >= MAX_WAITING) this.#isMore = true;
      // The rest is read from the tables later on.
      if (this.#isMore) return;
      if (change.kind === 'device-list') {
        if (this.#parts.isLocal(change.userId)) this.#add(change.userId);
        this.#noted.set(change.writer, change.position);
        this.#unnoted++;
      } else if (change.kind === 'membership' && change.membership === 'join' && change.previous !== 'join') {
        if (this.#parts.isLocal(change.userId)) this.#add(change.userId, change.roomId);
      }
    }
    this.#wake();
  }

  #add(userId: string, joinedRoomId?: string): void {
    const rooms = this.#waiting.get(userId) ?? new Set();
    if (joinedRoomId !== undefined) rooms.add(joinedRoomId);
    this.#waiting.set(userId, rooms);
  }

  #wake(): void {
    if (this.#running !== undefined || this.#isStopped || this.#waiting.size === 0) return;
    this.#running = this.#announceAll().finally(() => {
      this.#running = undefined;
      if (this.#timer === undefined) this.#wake();
    });
  }

  async #announceAll(): Promise<void> {
    const { platform } = this.#parts;
    try {
      let hasTold = false;
      while (this.#waiting.size > 0) {
        for (const [userId, rooms] of this.#waiting) {
          // What comes while this one is told waits anew.
          this.#waiting.delete(userId);
          hasTold = (await this.#tryToAnnounce(userId, rooms)) || hasTold;
        }
        if (this.#isMore) {
          await this.#keepPosition();
          await this.#load();
        }
      }
      if (hasTold || this.#unnoted >= MAX_UNNOTED) await this.#keepPosition();
    } catch (error) {
      platform.log.warn('Other servers could not be told of changed devices; trying again', { error });
      this.#timer = platform.timers.after(RETRY_MS, () => {
        this.#timer = undefined;
        this.#wake();
      });
    }
  }

  /** Whether somebody was told. One who could not be told of waits again. */
  async #tryToAnnounce(userId: string, rooms: JoinedRooms): Promise<boolean> {
    try {
      return await this.#announce(userId, rooms);
    } catch (error) {
      this.#add(userId);
      throw error;
    }
  }

  async #announce(userId: string, rooms: JoinedRooms): Promise<boolean> {
    const { storage } = this.#parts;
    const servers = (await storage.read(selectServersSharingRooms, { userId })).map((row) => row.server_name);
    if (servers.length === 0) return false;
    const devices = await storage.read(selectDeviceKeysOfUsers, { userIds: [userId] });
    const current = devices.map((row): CurrentDevice => {
      return { deviceId: row.device_id, displayName: row.display_name, json: row.json };
    });
    const announced = await storage.read(selectAnnouncedDevices, { userId });
    const [list] = await storage.read(selectAnnouncedList, { userId });
    const changed = announcedChanges(current, new Map(announced.map((row) => [row.device_id, row.digest])));
    if (changed.length > 0) await this.#tell({ userId, changed, servers, told: list?.stream_id });
    else if (rooms.size > 0) await this.#greet({ userId, rooms, current, told: list?.stream_id });
    const hasToldKeys = await this.#tellSigningKeys(userId, servers);
    return changed.length > 0 || hasToldKeys;
  }

  /** Whether the cross-signing keys are others than those that were told last. Who comes new asks for the list. */
  async #tellSigningKeys(userId: string, servers: readonly string[]): Promise<boolean> {
    const { storage, signingKeys } = this.#parts;
    const keys = (await signingKeys.of([userId])).get(userId);
    const contentJson = keys && signingKeyUpdate(userId, keys);
    if (contentJson === undefined) return false;
    const digest = digestOfText(contentJson);
    const [told] = await storage.read(selectAnnouncedSigningKeys, { userId });
    if (told?.digest === digest) return false;
    for (let first = 0; first < servers.length; first += EDUS_PER_BATCH) {
      await storage.write((transaction) => {
        for (const serverName of servers.slice(first, first + EDUS_PER_BATCH)) {
          const nowMs = this.#parts.platform.clock.nowMs();
          queueEdu(transaction, { serverName, type: 'm.signing_key_update', contentJson, replacesKey: userId, nowMs });
        }
        if (first + EDUS_PER_BATCH >= servers.length) {
          transaction.run(upsertAnnouncedSigningKeys, { userId, digest });
        }
      });
    }
    return true;
  }

  /** Queues the updates for all of the servers; they are told last of all, when every one of them has its own. */
  async #tell({ userId, changed, servers, told }: Telling): Promise<void> {
    const { storage } = this.#parts;
    let previous = told;
    let updates: readonly { readonly streamId: number; readonly contentJson: string; readonly deviceId: string }[] = [];
    const perBatch = Math.max(1, Math.floor(EDUS_PER_BATCH / changed.length));
    for (let first = 0; first < servers.length; first += perBatch) {
      await storage.write((transaction) => {
        if (first === 0) {
          updates = changed.map((one) => {
            const streamId = transaction.allocate();
            const place = { streamId, previous: previous === undefined ? [] : [previous] };
            previous = streamId;
            return { streamId, deviceId: one.deviceId, contentJson: deviceListUpdate(userId, one, place) };
          });
        }
        for (const serverName of servers.slice(first, first + perBatch)) {
          for (const update of updates) this.#queue(transaction, { userId, serverName, ...update });
        }
        if (first + perBatch >= servers.length) this.#keepTold(transaction, { userId, changed, told: previous ?? 0 });
      });
    }
  }

  #keepTold(transaction: WriteTransaction, { userId, changed, told }: Told): void {
    for (const { deviceId, digest } of changed) {
      if (digest === undefined) transaction.run(deleteAnnouncedDevice, { userId, deviceId });
      else transaction.run(upsertAnnouncedDevice, { userId, deviceId, digest });
    }
    transaction.run(upsertAnnouncedList, { userId, streamId: told });
  }

  /**
   * Tells servers that share no room with the user but the one that he joined just now that he has devices. An update
   * that follows none makes a server ask for the whole list, should it have one from earlier times.
   */
  async #greet({ userId, rooms, current, told }: Greeting): Promise<void> {
    const [device] = current;
    if (device === undefined || told === undefined) return;
    const { storage } = this.#parts;
    const newcomers = (await storage.read(selectServersSharingOneRoom, { userId })).filter((row) =>
      rooms.has(row.room_id),
    );
    const { deviceId } = device;
    const contentJson = deviceListUpdate(userId, { deviceId, device }, { streamId: told, previous: [] });
    for (let first = 0; first < newcomers.length; first += EDUS_PER_BATCH) {
      await storage.write((transaction) => {
        for (const { server_name: serverName } of newcomers.slice(first, first + EDUS_PER_BATCH)) {
          this.#queue(transaction, { userId, serverName, deviceId, contentJson });
        }
      });
    }
  }

  /** Of several updates of one device that wait for a server only the last goes out: it asks for the list then. */
  #queue(transaction: WriteTransaction, { userId, serverName, deviceId, contentJson }: Update): void {
    queueEdu(transaction, {
      serverName,
      type: 'm.device_list_update',
      contentJson,
      replacesKey: `${userId} ${deviceId}`,
      nowMs: this.#parts.platform.clock.nowMs(),
    });
  }

  async #keepPosition(): Promise<void> {
    const noted = [...this.#noted];
    this.#unnoted = 0;
    await this.#parts.storage.write((transaction) => {
      for (const [writer, position] of noted) transaction.run(upsertAnnouncedPosition, { writer, position });
    });
  }
}

interface Telling {
  readonly userId: string;
  readonly changed: readonly ChangedDevice[];
  readonly servers: readonly string[];
  /** The update before. */
  readonly told: number | undefined;
}

interface Told extends Pick<Telling, 'userId' | 'changed'> {
  readonly told: number;
}

interface Greeting extends Pick<Telling, 'userId' | 'told'> {
  readonly rooms: JoinedRooms;
  readonly current: readonly CurrentDevice[];
}

interface Update {
  readonly userId: string;
  readonly serverName: string;
  readonly deviceId: string;
  readonly contentJson: string;
}
