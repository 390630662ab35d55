import { asDeviceId, isLongerThan } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { canonicalText } from './canonical-text.ts';
import type { RemoteDevice, RemoteDeviceList, UserKeys } from './user-keys.ts';

/** Devices of one user that are kept. */
export const MAX_DEVICES_PER_USER = 500;
/** Largest keys of a device; today's have some 600 bytes. */
const MAX_DEVICE_KEYS_BYTES = 65_536;
/** Largest cross-signing key with its signatures, of which a key has one for each device that signed it. */
const MAX_SIGNING_KEY_BYTES = 65_536;
/** Longest name of a device; a longer one is left out. */
const MAX_NAME_BYTES = 400;

/** The usage of a cross-signing key. */
export type Usage = 'master' | 'self_signing';

/**
 * Reads the answer of `GET /user/devices`. Devices whose keys are of somebody else, or are no keys at all, are left
 * out. A text says why nothing can be taken.
 */
export function readDeviceList(userId: string, answer: JsonValue): RemoteDeviceList | string {
  if (!isJsonObject(answer) || answer.user_id !== userId) return 'the answer is of another user';
  const { stream_id: streamId, devices } = answer;
  if (!isStreamId(streamId)) return 'its stream_id is no number';
  if (!Array.isArray(devices)) return 'its devices are no list';
  if (devices.length > MAX_DEVICES_PER_USER) return 'it has too many devices';
  const read = new Map<string, RemoteDevice>();
  for (const device of devices.filter(isJsonObject)) {
    const deviceId = asDeviceId(device.device_id);
    const json = deviceId === undefined ? undefined : readDeviceKeys({ userId, deviceId }, device.keys);
    if (deviceId === undefined || json === undefined) continue;
    read.set(deviceId, { displayName: readName(device.device_display_name), json });
  }
  return {
    streamId,
    devices: read,
    masterKeyJson: readSigningKey(userId, answer.master_key, 'master'),
    selfSigningKeyJson: readSigningKey(userId, answer.self_signing_key, 'self_signing'),
  };
}

/** Reads what `POST /user/keys/query` answers, for those users alone who were asked for. */
export function readQueriedKeys(userIds: readonly string[], answer: JsonValue): Map<string, UserKeys> {
  const body = isJsonObject(answer) ? answer : {};
  const found = new Map<string, UserKeys>();
  for (const userId of userIds) {
    const devices = memberOf(body.device_keys, userId);
    if (!isJsonObject(devices)) continue;
    const read = new Map<string, RemoteDevice>();
    for (const [deviceId, keys] of Object.entries(devices).slice(0, MAX_DEVICES_PER_USER)) {
      const json = asDeviceId(deviceId) === undefined ? undefined : readDeviceKeys({ userId, deviceId }, keys);
      const unsigned = isJsonObject(keys) && isJsonObject(keys.unsigned) ? keys.unsigned : {};
      if (json !== undefined) read.set(deviceId, { displayName: readName(unsigned.device_display_name), json });
    }
    found.set(userId, {
      devices: read,
      masterKeyJson: readSigningKey(userId, memberOf(body.master_keys, userId), 'master'),
      selfSigningKeyJson: readSigningKey(userId, memberOf(body.self_signing_keys, userId), 'self_signing'),
    });
  }
  return found;
}

/** Keys of this device as canonical JSON without `unsigned`; `undefined` where these are none, or of another device. */
export function readDeviceKeys(
  device: { readonly userId: string; readonly deviceId: string },
  value: JsonValue | undefined,
): string | undefined {
  if (!isJsonObject(value)) return undefined;
  const { unsigned: _, ...signed } = value;
  const isOfDevice = signed.user_id === device.userId && signed.device_id === device.deviceId;
  const isShaped = Array.isArray(signed.algorithms) && isTexts(signed.keys) && isJsonObject(signed.signatures);
  return isOfDevice && isShaped ? canonicalText(signed, MAX_DEVICE_KEYS_BYTES) : undefined;
}

/** A cross-signing key of this user as canonical JSON. Whether its signatures are good is for clients to check. */
export function readSigningKey(userId: string, value: JsonValue | undefined, usage: Usage): string | undefined {
  if (!isJsonObject(value) || value.user_id !== userId || !isTexts(value.keys)) return undefined;
  const isForThis = Array.isArray(value.usage) && value.usage.includes(usage) && Object.keys(value.keys).length === 1;
  return isForThis ? canonicalText(value, MAX_SIGNING_KEY_BYTES) : undefined;
}

export function readName(value: JsonValue | undefined): string | undefined {
  const isName = typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
  return isName && !isLongerThan(value, MAX_NAME_BYTES) ? value : undefined;
}

export function isStreamId(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function isTexts(value: JsonValue | undefined): value is JsonObject {
  return isJsonObject(value) && Object.values(value).every((member) => typeof member === 'string');
}
