import { isLongerThan, MAX_IDENTIFIER_BYTES } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonValue } from '@limpet/protocol/json';
import { canonicalText } from './canonical-text.ts';
import { jsonObjectText } from './json-text.ts';

/** Largest one-time or fallback key; today's have some 300 bytes. */
const MAX_KEY_BYTES = 8_192;

/** What one server is asked for: by user, by device, an algorithm. */
export type ClaimsOfServer = readonly (readonly [userId: string, devices: Readonly<Record<string, string>>])[];

/**
 * Reads what `POST /user/keys/claim` answers: by user, the text of JSON by device. What was not asked for is left out,
 * and so is all but one key of a device.
 */
export function readClaimedKeys(claims: ClaimsOfServer, answer: JsonValue): [userId: string, json: string][] {
  const byUser = isJsonObject(answer) && isJsonObject(answer.one_time_keys) ? answer.one_time_keys : {};
  return claims.flatMap(([userId, algorithms]): [string, string][] => {
    const byDevice = byUser[userId];
    if (!Object.hasOwn(byUser, userId) || !isJsonObject(byDevice)) return [];
    const devices = Object.entries(algorithms).flatMap(([deviceId, algorithm]): [string, string][] => {
      const keys = Object.hasOwn(byDevice, deviceId) ? byDevice[deviceId] : undefined;
      const key = keyOf(algorithm, keys);
      return key === undefined ? [] : [[deviceId, jsonObjectText([key])]];
    });
    return [[userId, jsonObjectText(devices)]];
  });
}

/** The first one of this algorithm, with its name. */
function keyOf(algorithm: string, keys: JsonValue | undefined): [name: string, json: string] | undefined {
  for (const [name, key] of isJsonObject(keys) ? Object.entries(keys) : []) {
    const isNamed = name.startsWith(`${algorithm}:`) && !isLongerThan(name, MAX_IDENTIFIER_BYTES);
    if (!isNamed || !name.isWellFormed() || (typeof key !== 'string' && !isJsonObject(key))) continue;
    const json = canonicalText(key, MAX_KEY_BYTES);
    if (json !== undefined) return [name, json];
  }
  return undefined;
}
