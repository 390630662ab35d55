import { asDeviceId, asUserId, serverNameOf } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { ALLOWED, refused, type Verdict } from '@limpet/protocol/verdict';
import {
  advanceRemoteList,
  countOtherRemoteDevices,
  deleteRemoteDevice,
  updateSigningKeys,
  upsertRemoteDevice,
} from '../../storage/queries/remote-devices.ts';
import { ExpectationFailed, type Storage } from '../../storage/storage.ts';
import { publishDeviceListChange } from '../accounts/device-list-change.ts';
import { isStreamId, MAX_DEVICES_PER_USER, readDeviceKeys, readName, readSigningKey } from './read-user-keys.ts';
import type { RemoteDeviceLists } from './remote-device-lists.ts';
import type { SharedUsers } from './shared-users.ts';

/** Updates before it that an update may name. */
const MAX_PREVIOUS = 20;

const KNOWN_EXPECTATION = 'the list is where it was';
const LIST_EXPECTATION = 'the list is kept';

export interface DeviceListEdusParts {
  readonly storage: Storage;
  readonly lists: RemoteDeviceLists;
  readonly shared: SharedUsers;
  /** Called when a server spoke that may have lists for us which it did not give before. */
  readonly onHeardFrom: (serverName: string) => void;
}

interface DeviceUpdate {
  readonly userId: string;
  readonly deviceId: string;
  readonly streamId: number;
  readonly previous: readonly number[];
  readonly displayName: string | undefined;
  /** `undefined` for a device that was deleted or has no keys. */
  readonly json: string | undefined;
}

/** Takes what other servers say of their users' devices. */
export class DeviceListEdus {
  readonly #parts: DeviceListEdusParts;

  constructor(parts: DeviceListEdusParts) {
    this.#parts = parts;
  }

  /** Handles `m.device_list_update`. Specification: server-server API, "Device Management". */
  async takeUpdate(origin: string, content: JsonObject): Promise<Verdict> {
    const update = readUpdate(origin, content);
    if (typeof update === 'string') return refused(update);
    const { lists, onHeardFrom } = this.#parts;
    const { userId, streamId, previous } = update;
    lists.noteUpdate(userId, streamId);
    const row = await lists.row(userId);
    if (row === undefined) return this.#tellOfUnknown(userId);
    if (row.is_stale === 1) onHeardFrom(origin);
    else if (streamId !== row.stream_id) {
      const follows = previous.length > 0 && previous.every((id) => id === row.stream_id);
      if (!follows || !(await this.#apply(update, row.stream_id ?? 0))) await lists.markStale(userId);
    }
    return ALLOWED;
  }

  /** Handles `m.signing_key_update`. Specification: server-server API, "End-to-End Encryption". */
  async takeSigningKeys(origin: string, content: JsonObject): Promise<Verdict> {
    const userId = asUserId(content.user_id);
    if (userId === undefined || serverNameOf(userId) !== origin) return refused(NOT_ITS_USER);
    const masterKeyJson = readSigningKey(userId, content.master_key, 'master') ?? null;
    const selfSigningKeyJson = readSigningKey(userId, content.self_signing_key, 'self_signing') ?? null;
    if (masterKeyJson === null && selfSigningKeyJson === null) return refused('It has no key of that user.');
    // A list that is on its way may have the keys from before: whatever its number, it is asked for again.
    this.#parts.lists.noteUpdate(userId, Number.MAX_SAFE_INTEGER);
    const writing = this.#parts.storage.write((transaction) => {
      const row = { userId, masterKeyJson, selfSigningKeyJson };
      transaction.expect(updateSigningKeys, row, LIST_EXPECTATION);
      publishDeviceListChange(transaction, userId);
    });
    return writing.then(
      () => ALLOWED,
      (error) => {
        if (!(error instanceof ExpectationFailed) || error.expectation !== LIST_EXPECTATION) throw error;
        return this.#tellOfUnknown(userId);
      },
    );
  }

  /** A list that nobody asked for yet, or that is on its way: who tracks the user has to ask for it then. */
  async #tellOfUnknown(userId: string): Promise<Verdict> {
    const { storage, shared } = this.#parts;
    if (!(await shared.amongst([userId])).has(userId)) return refused('No room is shared with that user.');
    await storage.write((transaction) => publishDeviceListChange(transaction, userId));
    return ALLOWED;
  }

  /** Whether the list was where the update takes it on from. */
  async #apply({ userId, deviceId, ...update }: DeviceUpdate, known: number): Promise<boolean> {
    const { storage } = this.#parts;
    const { streamId, displayName, json } = update;
    if (json !== undefined) {
      const [others] = await storage.read(countOtherRemoteDevices, { userId, deviceId });
      if ((others?.count ?? 0) >= MAX_DEVICES_PER_USER) return false;
    }
    const writing = storage.write((transaction) => {
      transaction.expect(advanceRemoteList, { userId, known, streamId }, KNOWN_EXPECTATION);
      if (json === undefined) transaction.run(deleteRemoteDevice, { userId, deviceId });
      else transaction.run(upsertRemoteDevice, { userId, deviceId, displayName: displayName ?? null, json });
      publishDeviceListChange(transaction, userId);
    });
    return writing.then(
      () => true,
      (error) => {
        if (!(error instanceof ExpectationFailed) || error.expectation !== KNOWN_EXPECTATION) throw error;
        return false;
      },
    );
  }
}

const NOT_ITS_USER = 'It is of no user of the server that sent it.';

/** A text says what is wrong. */
function readUpdate(origin: string, content: JsonObject): DeviceUpdate | string {
  const { stream_id: streamId, prev_id: previous = [], keys, deleted } = content;
  const userId = asUserId(content.user_id);
  const deviceId = asDeviceId(content.device_id);
  if (userId === undefined || serverNameOf(userId) !== origin) return NOT_ITS_USER;
  if (deviceId === undefined) return 'It has no device ID.';
  if (!isStreamId(streamId)) return 'Its stream_id is no number.';
  if (!Array.isArray(previous) || previous.length > MAX_PREVIOUS || !previous.every(isStreamId)) {
    return `Its prev_id must be a list of ${MAX_PREVIOUS} numbers at most.`;
  }
  const hasKeys = deleted !== true && isJsonObject(keys);
  const json = hasKeys ? readDeviceKeys({ userId, deviceId }, keys) : undefined;
  if (hasKeys && json === undefined) return 'Its keys are none of that device.';
  return { userId, deviceId, streamId, previous, displayName: readName(content.device_display_name), json };
}
