import type { ServerName } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import {
  claimOneTimeKey,
  countOneTimeKeysOfUsers,
  type OneTimeKeyRow,
  selectFallbackKeysOfUsers,
  updateFallbackKeyUsed,
} from '../../storage/queries/device-keys.ts';
import type { Storage } from '../../storage/storage.ts';
import type { DeviceAddress } from './encryption-reader.ts';
import { jsonObjectText } from './json-text.ts';
import { splitByServer, unaskedServers } from './split-by-server.ts';

/** Keys that one request may claim. */
const MAX_CLAIMS_PER_REQUEST = 2_000;

interface Claim extends DeviceAddress {
  readonly algorithm: string;
}

interface ClaimedKey extends Claim {
  readonly keyId: string;
  readonly json: string;
}

/** Texts of JSON, for the answer. */
export interface KeyClaimsAnswer {
  /** By user, by device, by `algorithm:keyId`. Devices without a key are left out. */
  readonly oneTimeKeysJson: string;
  readonly failures: JsonObject;
}

/** Gives keys away, each one once. Specification: client-server API, "Claiming one-time and fallback keys". */
export class KeyClaims {
  readonly #storage: Storage;
  readonly #serverName: ServerName;

  constructor(storage: Storage, serverName: ServerName) {
    this.#storage = storage;
    this.#serverName = serverName;
  }

  /**
   * For each device of `requested` (by user, by device: an algorithm) its oldest one-time key, which nobody gets a
   * second time; where none is left, its fallback key.
   */
  async claim(requested: Readonly<Record<string, Readonly<Record<string, string>>>>): Promise<KeyClaimsAnswer> {
    const { local, remote } = splitByServer(requested, this.#serverName);
    const claims = local.flatMap(([userId, devices]) =>
      Object.entries(devices).map(([deviceId, algorithm]) => ({ userId, deviceId, algorithm })),
    );
    if (claims.length > MAX_CLAIMS_PER_REQUEST) {
      throw new MatrixError('M_TOO_LARGE', `One request may claim ${MAX_CLAIMS_PER_REQUEST} keys.`);
    }
    const userIds = local.map(([userId]) => userId);
    const claimed = claims.length === 0 ? [] : await this.#claimOneTimeKeys(userIds, claims);
    const served = new Set(claimed.map(nameOf));
    const unserved = claims.filter((claim) => !served.has(nameOf(claim)));
    if (unserved.length > 0) claimed.push(...(await this.#useFallbackKeys(userIds, unserved)));
    return { oneTimeKeysJson: answerText(claimed), failures: unaskedServers(remote.keys()) };
  }

  async #claimOneTimeKeys(userIds: readonly string[], claims: readonly Claim[]): Promise<ClaimedKey[]> {
    const counts = await this.#storage.read(countOneTimeKeysOfUsers, { userIds });
    const stocked = new Set(
      counts.map((row) => nameOf({ userId: row.user_id, deviceId: row.device_id, algorithm: row.algorithm })),
    );
    const promising = claims.filter((claim) => stocked.has(nameOf(claim)));
    if (promising.length === 0) return [];
    const committed = await this.#storage.write((transaction) =>
      promising.map((claim) => {
        const { userId, deviceId, algorithm } = claim;
        transaction.publish({ kind: 'one-time-keys', userId, deviceId });
        return { claim, rows: transaction.fetch(claimOneTimeKey, { userId, deviceId, algorithm }) };
      }),
    );
    return committed.value.flatMap(({ claim, rows }) => committed.rows(rows).map((row) => keyOf(claim, row)));
  }

  /** Fallback keys stay; the first use is noted, so that the device makes a new one. */
  async #useFallbackKeys(userIds: readonly string[], claims: readonly Claim[]): Promise<ClaimedKey[]> {
    const rows = await this.#storage.read(selectFallbackKeysOfUsers, { userIds });
    const byName = new Map(
      rows.map((row) => [nameOf({ userId: row.user_id, deviceId: row.device_id, algorithm: row.algorithm }), row]),
    );
    const found = claims.flatMap((claim) => {
      const row = byName.get(nameOf(claim));
      return row === undefined ? [] : [{ key: keyOf(claim, row), isUsed: row.is_used === 1 }];
    });
    const fresh = found.filter(({ isUsed }) => !isUsed).map(({ key }) => key);
    if (fresh.length > 0) {
      await this.#storage.write((transaction) => {
        for (const { userId, deviceId, algorithm, keyId } of fresh) {
          transaction.run(updateFallbackKeyUsed, { userId, deviceId, algorithm, keyId });
          transaction.publish({ kind: 'one-time-keys', userId, deviceId });
        }
      });
    }
    return found.map(({ key }) => key);
  }
}

function keyOf(claim: Claim, row: OneTimeKeyRow): ClaimedKey {
  return { ...claim, keyId: row.key_id, json: row.json };
}

/** What tells one claim from another. */
function nameOf({ userId, deviceId, algorithm }: Claim): string {
  return JSON.stringify([userId, deviceId, algorithm]);
}

function answerText(keys: readonly ClaimedKey[]): string {
  const users = [...Map.groupBy(keys, (key) => key.userId)].map(([userId, ofUser]) => {
    const devices = ofUser.map(({ deviceId, algorithm, keyId, json }): [string, string] => [
      deviceId,
      jsonObjectText([[`${algorithm}:${keyId}`, json]]),
    ]);
    return [userId, jsonObjectText(devices)] as const;
  });
  return jsonObjectText(users);
}
