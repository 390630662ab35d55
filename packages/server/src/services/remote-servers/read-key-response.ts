import type { KeyObject } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { verifyKeyFromBase64, verifySignedJson } from '@limpet/protocol/signing';

/** Keys of one kind that are taken from one answer; a server has one, or two while it changes. */
const MAX_KEYS_OF_RESPONSE = 32;
/** Longest key ID that is taken. */
const MAX_KEY_ID_LENGTH = 128;

/** What a server says of its keys. Specification: server-server API, "Publishing Keys". */
export interface KeyResponse {
  /** Base64 by key ID, with its algorithm. Signed for requests and events. */
  readonly verifyKeys: ReadonlyMap<string, string>;
  /** Signed for events alone, up to `expiredTs`. */
  readonly oldVerifyKeys: ReadonlyMap<string, { readonly key: string; readonly expiredTs: number }>;
  readonly validUntilTs: number;
  /** Those of `verifyKeys`, to verify with. */
  readonly keyObjects: ReadonlyMap<string, KeyObject>;
  /** As it was signed. */
  readonly json: JsonObject;
}

/** Reads it; in words what is wrong where it is no such answer, or not signed by a key that it names. */
export function readKeyResponse(value: JsonValue | undefined, serverName: string): KeyResponse | string {
  if (!isJsonObject(value) || value.server_name !== serverName) {
    return 'it is not about the keys of this server';
  }
  const { valid_until_ts: validUntilTs } = value;
  if (!isTimestamp(validUntilTs)) {
    return 'its valid_until_ts is no timestamp';
  }
  const verifyKeys = keysIn(value.verify_keys);
  const keyObjects = new Map<string, KeyObject>();
  for (const [keyId, { key }] of verifyKeys) {
    const keyObject = verifyKeyFromBase64(key);
    if (keyObject !== undefined) keyObjects.set(keyId, keyObject);
  }
  if (keyObjects.size === 0) {
    return 'it has no Ed25519 key';
  }
  const verdict = verifySignedJson(value, serverName, keyObjects);
  if (!verdict.allowed) {
    return verdict.reason;
  }
  const oldVerifyKeys = [...keysIn(value.old_verify_keys)].flatMap(([keyId, { key, expired_ts: expiredTs }]) =>
    isTimestamp(expiredTs) && !keyObjects.has(keyId) ? [[keyId, { key, expiredTs }] as const] : [],
  );
  return {
    verifyKeys: new Map([...keyObjects.keys()].map((keyId) => [keyId, verifyKeys.get(keyId)?.key ?? ''])),
    oldVerifyKeys: new Map(oldVerifyKeys),
    validUntilTs,
    keyObjects,
    json: value,
  };
}

function keysIn(value: JsonValue | undefined): Map<string, { key: string; expired_ts?: JsonValue }> {
  const keys = new Map<string, { key: string; expired_ts?: JsonValue }>();
  for (const [keyId, about] of Object.entries(isJsonObject(value) ? value : {})) {
    if (keys.size >= MAX_KEYS_OF_RESPONSE) break;
    const isGood = keyId.startsWith('ed25519:') && keyId.length <= MAX_KEY_ID_LENGTH;
    if (isGood && isJsonObject(about) && typeof about.key === 'string') {
      keys.set(keyId, about as { key: string });
    }
  }
  return keys;
}

function isTimestamp(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
