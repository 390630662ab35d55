import { type ServerName, serverNameOf } from '@limpet/protocol/identifiers';
import {
  deleteRemoteDevices,
  deleteRemoteLists,
  type RemoteListRow,
  selectRemoteDevices,
  selectRemoteLists,
  updateRemoteListStale,
  upsertRemoteDevice,
  upsertRemoteList,
} from '../../storage/queries/remote-devices.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import { publishDeviceListChange } from '../accounts/device-list-change.ts';
import { RemoteServerError, type RemoteServers } from '../remote-servers/remote-servers.ts';
import { readDeviceList } from './read-user-keys.ts';
import type { SharedUsers } from './shared-users.ts';
import type { RemoteDevice, RemoteDeviceList, UserKeys } from './user-keys.ts';

/** Longest wait for one list; who asks for a client waits less, and the list is there for the next one. */
const ASK_TIMEOUT_MS = 30_000;
/** Largest list: 500 devices with keys as large as today's, several times over. */
const MAX_LIST_BYTES = 2 * 1024 * 1024;
/** Lists that are asked for at once, over all servers. */
const MAX_ASKED = 500;

const FRESH_EXPECTATION = 'the list is fresh';

export interface RemoteDeviceListsParts {
  readonly storage: Storage;
  readonly remote: RemoteServers;
  readonly shared: SharedUsers;
  /** Called when a list has to be asked for again. */
  readonly onStale: (serverName: ServerName) => void;
}

/** A list that is being asked for. */
interface Asking {
  readonly list: Promise<UserKeys>;
  /** The newest update that came meanwhile: an older answer is stale as it arrives. */
  newestUpdate: number;
}

/**
 * Device lists of users of other servers. A list is kept from the first time that a client asks for it until no room is
 * shared with its user any more; in between his server tells of its changes, and where one of these is lost the list is
 * stale: it is not given out, and asked for again until that works.
 * Specification: server-server API, "Device Management".
 */
export class RemoteDeviceLists {
  readonly #parts: RemoteDeviceListsParts;
  readonly #asked = new Map<string, Asking>();

  constructor(parts: RemoteDeviceListsParts) {
    this.#parts = parts;
  }

  /** The lists of those users whose lists are kept and up to date. */
  async read(userIds: readonly string[]): Promise<Map<string, UserKeys>> {
    const { storage } = this.#parts;
    const found = new Map<string, UserKeys>();
    if (userIds.length === 0) return found;
    const rows = await storage.read(selectRemoteLists, { userIds });
    const fresh = rows.filter((row) => row.is_stale === 0);
    const devices = await storage.read(selectRemoteDevices, { userIds: fresh.map((row) => row.user_id) });
    const byUser = Map.groupBy(devices, (row) => row.user_id);
    for (const row of fresh) {
      const ofUser = (byUser.get(row.user_id) ?? []).map((device): [string, RemoteDevice] => [
        device.device_id,
        { displayName: device.display_name ?? undefined, json: device.json },
      ]);
      found.set(row.user_id, {
        devices: new Map(ofUser),
        masterKeyJson: row.master_key_json ?? undefined,
        selfSigningKeyJson: row.self_signing_key_json ?? undefined,
      });
    }
    return found;
  }

  async row(userId: string): Promise<RemoteListRow | undefined> {
    const [row] = await this.#parts.storage.read(selectRemoteLists, { userIds: [userId] });
    return row;
  }

  /**
   * Asks the user's server for the list unless it is here and up to date, once for all who want it just now, and keeps
   * it if a room is shared.
   * @throws RemoteServerError
   */
  ask(userId: string): Promise<UserKeys> {
    const underWay = this.#asked.get(userId);
    if (underWay !== undefined) return underWay.list;
    const serverName = serverNameOf(userId) as ServerName;
    if (this.#asked.size >= MAX_ASKED) {
      const text = 'This server asks for too many device lists at once';
      return Promise.reject(new RemoteServerError(serverName, 'unreachable', text));
    }
    const asking: Asking = {
      list: this.#ask(userId, serverName).finally(() => this.#asked.delete(userId)),
      newestUpdate: -1,
    };
    this.#asked.set(userId, asking);
    return asking.list;
  }

  /** An update came: an answer that is on its way may be older. */
  noteUpdate(userId: string, streamId: number): void {
    const asking = this.#asked.get(userId);
    if (asking !== undefined) asking.newestUpdate = Math.max(asking.newestUpdate, streamId);
  }

  /** An update was lost: clients hear that something changed, and the list is asked for again. */
  async markStale(userId: string): Promise<void> {
    const writing = this.#parts.storage.write((transaction) => {
      transaction.expect(updateRemoteListStale, { userId }, FRESH_EXPECTATION);
      publishDeviceListChange(transaction, userId);
    });
    await writing.catch((error) => {
      if (!(error instanceof ExpectationFailed) || error.expectation !== FRESH_EXPECTATION) throw error;
    });
    this.#parts.onStale(serverNameOf(userId) as ServerName);
  }

  /** Forgets lists that nobody keeps up to date any more. */
  async drop(userIds: readonly string[]): Promise<void> {
    if (userIds.length === 0) return;
    await this.#parts.storage.write((transaction) => {
      transaction.run(deleteRemoteDevices, { userIds });
      transaction.run(deleteRemoteLists, { userIds });
    });
  }

  async #ask(userId: string, serverName: ServerName): Promise<UserKeys> {
    const { remote, shared } = this.#parts;
    // It may have come since whoever asks looked.
    const kept = (await this.read([userId])).get(userId);
    if (kept !== undefined) return kept;
    const answer = await remote.request(serverName, {
      method: 'GET',
      path: `/_matrix/federation/v1/user/devices/${encodeURIComponent(userId)}`,
      timeoutMs: ASK_TIMEOUT_MS,
      maxBytes: MAX_LIST_BYTES,
    });
    const list = readDeviceList(userId, answer);
    if (typeof list === 'string') {
      throw new RemoteServerError(serverName, 'bad-answer', `The device list of a user cannot be taken: ${list}`);
    }
    if (await this.#isShared(userId)) {
      await this.#keep(userId, list);
      // Whoever forgets lists may have looked before this one was there.
      if (!(await shared.amongst([userId])).has(userId)) await this.drop([userId]);
    }
    return list;
  }

  async #isShared(userId: string): Promise<boolean> {
    return (await this.#parts.shared.amongst([userId])).has(userId);
  }

  async #keep(userId: string, list: RemoteDeviceList): Promise<void> {
    const before = await this.row(userId);
    await this.#parts.storage.write((transaction) => {
      this.#write(transaction, userId, list);
      // Clients that asked for a stale list got none.
      if (before !== undefined) publishDeviceListChange(transaction, userId);
    });
    const newestUpdate = this.#asked.get(userId)?.newestUpdate ?? -1;
    if (newestUpdate > list.streamId) await this.markStale(userId);
  }

  #write(transaction: WriteTransaction, userId: string, list: RemoteDeviceList): void {
    const { streamId, devices, masterKeyJson, selfSigningKeyJson } = list;
    transaction.run(deleteRemoteDevices, { userIds: [userId] });
    for (const [deviceId, { displayName, json }] of devices) {
      transaction.run(upsertRemoteDevice, { userId, deviceId, displayName: displayName ?? null, json });
    }
    transaction.run(upsertRemoteList, {
      userId,
      serverName: serverNameOf(userId) as ServerName,
      streamId,
      isStale: 0,
      masterKeyJson: masterKeyJson ?? null,
      selfSigningKeyJson: selfSigningKeyJson ?? null,
    });
  }
}
