import type { KeyObject } from 'node:crypto';
import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { verifyKeyFromBase64 } from '@limpet/protocol/signing';
import type { KeyResponse } from './read-key-response.ts';
import type { WantedKey } from './remote-servers.ts';

/** A server is believed for this long at most, whatever it says. Specification: "Publishing Keys". */
const MAX_VALIDITY_MS = 7 * 24 * 60 * 60 * 1000;
/** Keys of one server that are kept; those that ended first go first. */
const MAX_KEYS_PER_SERVER = 100;

/** A key that a server published at some time. */
export interface KnownKey {
  readonly key: string;
  /** Up to when it signs. */
  readonly validUntilTs: number;
  /** Whether the newest answer has it among the keys that sign requests. */
  readonly isCurrent: boolean;
}

/** All that is known of one server's keys. */
export class KnownServerKeys {
  readonly keys: ReadonlyMap<string, KnownKey>;
  readonly fetchedTs: number;
  /** Up to when the newest answer holds. */
  readonly validUntilTs: number;
  /** The newest answer, as the server signed it. */
  readonly responseJson: string;
  readonly #objects = new Map<string, KeyObject | undefined>();

  constructor(parts: Pick<KnownServerKeys, 'keys' | 'fetchedTs' | 'validUntilTs' | 'responseJson'>) {
    this.keys = parts.keys;
    this.fetchedTs = parts.fetchedTs;
    this.validUntilTs = parts.validUntilTs;
    this.responseJson = parts.responseJson;
  }

  /** The key, where there is one that holds at the time wanted. */
  find({ keyId, validAt }: Pick<WantedKey, 'keyId' | 'validAt'>, nowMs: number): KeyObject | undefined {
    const known = this.keys.get(keyId);
    if (known === undefined) {
      return undefined;
    }
    const holds =
      validAt === 'now'
        ? known.isCurrent && nowMs <= known.validUntilTs
        : validAt === undefined || validAt <= known.validUntilTs;
    return holds ? this.#objectOf(keyId, known) : undefined;
  }

  /** With what the server says now. A key that it does not name any more ended when it was last heard to have it. */
  with(response: KeyResponse, nowMs: number): KnownServerKeys {
    const validUntilTs = Math.min(response.validUntilTs, nowMs + MAX_VALIDITY_MS);
    const keys = new Map<string, KnownKey>();
    for (const [keyId, key] of response.verifyKeys) {
      keys.set(keyId, { key, validUntilTs, isCurrent: true });
    }
    for (const [keyId, { key, expiredTs }] of response.oldVerifyKeys) {
      keys.set(keyId, { key, validUntilTs: expiredTs, isCurrent: false });
    }
    for (const [keyId, known] of this.keys) {
      if (!keys.has(keyId)) {
        keys.set(keyId, { ...known, validUntilTs: Math.min(known.validUntilTs, nowMs), isCurrent: false });
      }
    }
    const responseJson = JSON.stringify(response.json);
    return new KnownServerKeys({ keys: newest(keys), fetchedTs: nowMs, validUntilTs, responseJson });
  }

  /** Whether it is time to ask for the next answer. */
  isHalfOver(nowMs: number): boolean {
    return nowMs > this.fetchedTs + (this.validUntilTs - this.fetchedTs) / 2;
  }

  /** What the server itself says of how long its answer holds. */
  saidValidUntilTs(): number {
    const { valid_until_ts: said } = JSON.parse(this.responseJson) as JsonObject;
    return typeof said === 'number' ? said : 0;
  }

  toKeysJson(): string {
    return JSON.stringify(Object.fromEntries(this.keys));
  }

  #objectOf(keyId: string, { key }: KnownKey): KeyObject | undefined {
    if (!this.#objects.has(keyId)) {
      this.#objects.set(keyId, verifyKeyFromBase64(key));
    }
    return this.#objects.get(keyId);
  }
}

export const NO_SERVER_KEYS = new KnownServerKeys({
  keys: new Map(),
  fetchedTs: 0,
  validUntilTs: 0,
  responseJson: '{}',
});

/** What `toKeysJson` wrote. */
export function keysFromJson(text: string): ReadonlyMap<string, KnownKey> {
  const value = JSON.parse(text) as JsonObject;
  return new Map(Object.entries(value).filter(([, key]) => isJsonObject(key)) as unknown as [string, KnownKey][]);
}

function newest(keys: ReadonlyMap<string, KnownKey>): ReadonlyMap<string, KnownKey> {
  if (keys.size <= MAX_KEYS_PER_SERVER) {
    return keys;
  }
  const byEnd = [...keys].sort(([, left], [, right]) => right.validUntilTs - left.validUntilTs);
  return new Map(byEnd.slice(0, MAX_KEYS_PER_SERVER));
}
