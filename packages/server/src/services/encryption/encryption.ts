import { type ServerName, serverNameOf, type UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { selectDeviceListChanges } from '../../storage/queries/device-lists.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StreamRange } from '../../storage/stream.ts';
import type { EduHandlers } from '../remote-servers/edu-handler.ts';
import type { RemoteServers } from '../remote-servers/remote-servers.ts';
import { BackupKeys } from './backup-keys.ts';
import { DehydratedDevices } from './dehydrated-devices.ts';
import { DeviceKeys } from './device-keys.ts';
import { DeviceListAnnouncer } from './device-list-announcer.ts';
import { DeviceListEdus } from './device-list-edus.ts';
import { DeviceListResync } from './device-list-resync.ts';
import type { DeviceAddress, EncryptionReader, KeyCounts } from './encryption-reader.ts';
import { KeyBackups } from './key-backups.ts';
import { KeyClaims } from './key-claims.ts';
import { KeyCountsCache } from './key-counts.ts';
import { KeyQueries } from './key-queries.ts';
import { KeySignatures } from './key-signatures.ts';
import { type OwnDevices, readOwnDevices } from './own-devices.ts';
import { PartedLists } from './parted-lists.ts';
import { ReceivedToDevice } from './received-to-device.ts';
import { RemoteDeviceLists } from './remote-device-lists.ts';
import { SharedUsers } from './shared-users.ts';
import { SigningKeys } from './signing-keys.ts';
import { ToDeviceDelivery } from './to-device-delivery.ts';
import { ToDeviceQueue } from './to-device-queue.ts';
import { ToDeviceSending } from './to-device-sending.ts';
import { UserSignatures } from './user-signatures.ts';

export interface EncryptionParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly serverName: ServerName;
  readonly remote: RemoteServers;
  /** Whether there are other servers at all. */
  readonly isFederated: boolean;
}

/**
 * Everything that the server does for end-to-end encryption: it carries messages between devices and keeps their public
 * keys. It has to be made before whoever answers syncs, see `KeyCountsCache`.
 */
export class Encryption implements EncryptionReader {
  readonly sending: ToDeviceSending;
  readonly deviceKeys: DeviceKeys;
  readonly signingKeys: SigningKeys;
  readonly keySignatures: KeySignatures;
  readonly dehydratedDevices: DehydratedDevices;
  readonly keyBackups: KeyBackups;
  readonly backupKeys: BackupKeys;
  readonly keyQueries: KeyQueries;
  readonly keyClaims: KeyClaims;
  /** What other servers say of devices. */
  readonly eduHandlers: EduHandlers;
  readonly #storage: Storage;
  readonly #serverName: ServerName;
  readonly #announcer: DeviceListAnnouncer;
  readonly #parted: PartedLists;
  readonly #resync: DeviceListResync;
  readonly #received: ReceivedToDevice;
  readonly #counts: KeyCountsCache;
  readonly #queue: ToDeviceQueue;
  readonly #signatures: UserSignatures;

  constructor(parts: EncryptionParts) {
    const { storage, platform, serverName, remote } = parts;
    this.#storage = storage;
    this.#serverName = serverName;
    const delivery = new ToDeviceDelivery(storage);
    this.sending = new ToDeviceSending({ ...parts, delivery });
    this.deviceKeys = new DeviceKeys(storage);
    this.signingKeys = new SigningKeys(storage);
    this.#signatures = new UserSignatures(storage);
    this.keyClaims = new KeyClaims(parts);
    this.#counts = new KeyCountsCache(storage);
    this.#queue = new ToDeviceQueue(storage, platform.log);
    this.#received = new ReceivedToDevice({ ...parts, delivery });
    const shared = new SharedUsers(storage, serverName);
    this.#announcer = new DeviceListAnnouncer({
      storage,
      platform,
      signingKeys: this.signingKeys,
      isLocal: (userId) => shared.isLocal(userId),
    });
    this.#parted = new PartedLists({ storage, platform, shared, drop: (userIds) => lists.drop(userIds) });
    const lists = new RemoteDeviceLists({
      storage,
      remote,
      shared,
      onStale: (name) => this.#resync.wake(name),
    });
    this.#resync = new DeviceListResync({ storage, platform, ask: (userId) => lists.ask(userId) });
    const { deviceKeys, signingKeys } = this;
    const queried = { deviceKeys, signingKeys, signatures: this.#signatures, lists, shared };
    this.keyQueries = new KeyQueries({ platform, remote, serverName, ...queried });
    this.dehydratedDevices = new DehydratedDevices({ storage, platform, queue: this.#queue });
    this.keyBackups = new KeyBackups({ storage, platform });
    this.backupKeys = new BackupKeys(storage, this.keyBackups);
    this.keySignatures = new KeySignatures({ storage, signingKeys, queries: this.keyQueries });
    const edus = new DeviceListEdus({ storage, lists, shared, onHeardFrom: (name) => this.#resync.wake(name) });
    this.eduHandlers = {
      'm.direct_to_device': (origin, content) => this.#received.take(origin, content),
      'm.device_list_update': (origin, content) => edus.takeUpdate(origin, content),
      'm.signing_key_update': (origin, content) => edus.takeSigningKeys(origin, content),
    };
  }

  toDevice(device: DeviceAddress, range: StreamRange, limit: number): Promise<{ json: string; position: number }[]> {
    return this.#queue.read(device, range, limit);
  }

  acknowledgeToDevice(device: DeviceAddress, writer: number, upTo: number): void {
    this.#queue.acknowledge(device, writer, upTo);
  }

  keyCounts(device: DeviceAddress): Promise<KeyCounts> {
    return this.#counts.of(device);
  }

  async changedUsers(ranges: readonly StreamRange[]): Promise<readonly string[]> {
    const pages = await Promise.all(ranges.map((range) => this.#storage.read(selectDeviceListChanges, { ...range })));
    return [...new Set(pages.flat().map((row) => row.user_id))];
  }

  signedUsers(signerId: string, ranges: readonly StreamRange[]): Promise<readonly string[]> {
    return this.#signatures.signedUsers(signerId, ranges);
  }

  /**
   * The devices of a user of this server, for other servers. Throws M_INVALID_PARAM for a user of another one,
   * M_NOT_FOUND where there is no such user.
   */
  async ownDevices(userId: UserId): Promise<OwnDevices> {
    if (serverNameOf(userId) !== this.#serverName) {
      throw new MatrixError('M_INVALID_PARAM', `${userId} is no user of this server; ask ${serverNameOf(userId)}.`);
    }
    const devices = await readOwnDevices({ storage: this.#storage, signingKeys: this.signingKeys }, userId);
    if (devices === undefined) throw new MatrixError('M_NOT_FOUND', `There is no user ${userId} here.`);
    return devices;
  }

  async start(): Promise<void> {
    this.#received.start();
    this.keyBackups.start();
    this.#parted.start();
    await this.#resync.start();
    await this.#announcer.start();
  }

  /** Finishes what runs in the background. */
  async stop(): Promise<void> {
    await this.#announcer.stop();
    await this.#parted.stop();
    await this.#resync.stop();
    await this.#received.stop();
    await this.keyBackups.stop();
    await this.#queue.settled();
  }
}
