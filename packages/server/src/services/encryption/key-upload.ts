import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { isLongerThan, MAX_IDENTIFIER_BYTES } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { DeviceAddress } from './encryption-reader.ts';

/** Largest device keys: what fits into one EDU of federation with its envelope. Today's have some 600 bytes. */
const MAX_DEVICE_KEYS_BYTES = 60_000;
/** Largest one-time or fallback key; today's have some 300 bytes. */
const MAX_KEY_BYTES = 8_192;

/** The body of an upload as it came; the endpoint's schema has looked at the shape of `deviceKeys`. */
export interface KeyUploadRequest {
  readonly deviceKeys: JsonObject | undefined;
  /** By `algorithm:keyId`. */
  readonly oneTimeKeys: JsonObject;
  readonly fallbackKeys: JsonObject;
}

export interface KeyUpload {
  /** Canonical JSON without `unsigned`. */
  readonly deviceKeysJson: string | undefined;
  readonly oneTimeKeys: readonly UploadedKey[];
  readonly fallbackKeys: readonly UploadedKey[];
}

export interface UploadedKey {
  readonly algorithm: string;
  readonly keyId: string;
  /** Canonical JSON. */
  readonly json: string;
}

/**
 * Checks an upload for this device. Throws M_INVALID_PARAM for keys of another device, for a name that is not
 * `algorithm:keyId`, for a key that is neither text nor object, and for two fallback keys of one algorithm; M_TOO_LARGE
 * for too large a key.
 */
export function checkKeyUpload(device: DeviceAddress, request: KeyUploadRequest): KeyUpload {
  const fallbackKeys = namedKeys(request.fallbackKeys, 'fallback_keys');
  if (new Set(fallbackKeys.map((key) => key.algorithm)).size < fallbackKeys.length) {
    throw new MatrixError('M_INVALID_PARAM', '"fallback_keys" may have one key of each algorithm.');
  }
  return {
    deviceKeysJson: request.deviceKeys && deviceKeysText(device, request.deviceKeys),
    oneTimeKeys: namedKeys(request.oneTimeKeys, 'one_time_keys'),
    fallbackKeys,
  };
}

function deviceKeysText(device: DeviceAddress, deviceKeys: JsonObject): string {
  if (deviceKeys.user_id !== device.userId || deviceKeys.device_id !== device.deviceId) {
    const names = `${device.userId} and ${device.deviceId}`;
    throw new MatrixError('M_INVALID_PARAM', `"device_keys" must name user and device of the access token: ${names}.`);
  }
  const { unsigned: _, ...signed } = deviceKeys;
  const json = encodeCanonicalJson(signed);
  if (isLongerThan(json, MAX_DEVICE_KEYS_BYTES)) {
    throw new MatrixError('M_TOO_LARGE', `"device_keys" may have ${MAX_DEVICE_KEYS_BYTES} bytes at most.`);
  }
  return json;
}

function namedKeys(keys: JsonObject, parameter: string): UploadedKey[] {
  return Object.entries(keys).map(([name, value]) => namedKey(name, value, parameter));
}

function namedKey(name: string, value: JsonValue, parameter: string): UploadedKey {
  const [algorithm = '', keyId = '', ...rest] = name.split(':');
  const isName = algorithm !== '' && keyId !== '' && rest.length === 0;
  if (!isName || !name.isWellFormed() || isLongerThan(name, MAX_IDENTIFIER_BYTES)) {
    throw new MatrixError('M_INVALID_PARAM', `The keys of "${parameter}" must be named "algorithm:key_id".`);
  }
  if (typeof value !== 'string' && !isJsonObject(value)) {
    throw new MatrixError('M_INVALID_PARAM', `"${parameter}.${name}" must be a string or an object.`);
  }
  const json = encodeCanonicalJson(value);
  if (isLongerThan(json, MAX_KEY_BYTES)) {
    throw new MatrixError('M_TOO_LARGE', `"${parameter}.${name}" may have ${MAX_KEY_BYTES} bytes at most.`);
  }
  return { algorithm, keyId, json };
}

/** Whether two texts hold the same key: signatures may be made anew. */
export function isSameKey(left: string, right: string): boolean {
  return left === right || withoutSignatures(left) === withoutSignatures(right);
}

function withoutSignatures(json: string): string {
  const value: JsonValue = JSON.parse(json);
  if (!isJsonObject(value)) return json;
  const { signatures: _, unsigned: __, ...key } = value;
  return encodeCanonicalJson(key);
}
