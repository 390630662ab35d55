import type { ServerName } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import {
  claimOneTimeKey,
  countOneTimeKeysOfUsers,
  type OneTimeKeyRow,
  selectFallbackKeysOfUsers,
  updateFallbackKeyUsed,
} from '../../storage/queries/device-keys.ts';
import type { Storage } from '../../storage/storage.ts';
import type { RemoteServers } from '../remote-servers/remote-servers.ts';
import { type AskServer, askServers } from './ask-servers.ts';
import type { DeviceAddress } from './encryption-reader.ts';
import { jsonObjectText } from './json-text.ts';
import { type ClaimsOfServer, readClaimedKeys } from './read-claimed-keys.ts';
import { splitByServer } from './split-by-server.ts';

/** Keys that one request may claim. */
const MAX_CLAIMS_PER_REQUEST = 2_000;
/** Largest answer of one server. */
const MAX_ANSWER_BYTES = 10 * 1024 * 1024;

export interface KeyClaimsParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly remote: RemoteServers;
  readonly serverName: ServerName;
}

/** By user, by device: an algorithm. */
type RequestedClaims = Readonly<Record<string, Readonly<Record<string, string>>>>;

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
  /** By server. */
  readonly failures: JsonObject;
}

/** Gives keys away, each one once. Specification: client-server API, "Claiming one-time and fallback keys". */
export class KeyClaims {
  readonly #parts: KeyClaimsParts;
  readonly #storage: Storage;

  constructor(parts: KeyClaimsParts) {
    this.#parts = parts;
    this.#storage = parts.storage;
  }

  /**
   * For each device of `requested` (by user, by device: an algorithm) its oldest one-time key, which nobody gets a
   * second time; where none is left, its fallback key. Other servers do so for their users.
   */
  async claim(requested: RequestedClaims, timeoutMs: number | undefined): Promise<KeyClaimsAnswer> {
    const { platform, serverName } = this.#parts;
    const { local, remote } = splitByServer(requested, serverName);
    checkCount(Object.values(requested));
    const [own, others] = await Promise.all([
      this.#claimLocal(local),
      askServers(remote, { requestedMs: timeoutMs, platform }, this.#ask),
    ]);
    return { oneTimeKeysJson: jsonObjectText([...own, ...others.parts]), failures: others.failures };
  }

  /** The same for users of this server alone; those of others are passed over. The text of JSON, by user, by device. */
  async claimOwn(requested: RequestedClaims): Promise<string> {
    const { local } = splitByServer(requested, this.#parts.serverName);
    checkCount(local.map(([, devices]) => devices));
    return jsonObjectText(await this.#claimLocal(local));
  }

  async #claimLocal(local: readonly (readonly [string, Readonly<Record<string, string>>])[]) {
    const claims = local.flatMap(([userId, devices]) =>
      Object.entries(devices).map(([deviceId, algorithm]) => ({ userId, deviceId, algorithm })),
    );
    const userIds = local.map(([userId]) => userId);
    const claimed = claims.length === 0 ? [] : await this.#claimOneTimeKeys(userIds, claims);
    const served = new Set(claimed.map(nameOf));
    const unserved = claims.filter((claim) => !served.has(nameOf(claim)));
    if (unserved.length > 0) claimed.push(...(await this.#useFallbackKeys(userIds, unserved)));
    return keysByUser(claimed);
  }

  readonly #ask: AskServer<ClaimsOfServer, readonly [userId: string, json: string]> = async (
    serverName,
    claims,
    { timeoutMs, give },
  ) => {
    const answer = await this.#parts.remote.request(serverName, {
      method: 'POST',
      path: '/_matrix/federation/v1/user/keys/claim',
      body: { one_time_keys: Object.fromEntries(claims) },
      timeoutMs,
      maxBytes: MAX_ANSWER_BYTES,
    });
    for (const user of readClaimedKeys(claims, answer)) give(user);
  };

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

function keysByUser(keys: readonly ClaimedKey[]): [userId: string, json: string][] {
  return [...Map.groupBy(keys, (key) => key.userId)].map(([userId, ofUser]) => {
    const devices = ofUser.map(({ deviceId, algorithm, keyId, json }): [string, string] => [
      deviceId,
      jsonObjectText([[`${algorithm}:${keyId}`, json]]),
    ]);
    return [userId, jsonObjectText(devices)];
  });
}

function checkCount(byUser: readonly Readonly<Record<string, string>>[]): void {
  const count = byUser.reduce((sum, devices) => sum + Object.keys(devices).length, 0);
  if (count > MAX_CLAIMS_PER_REQUEST) {
    throw new MatrixError('M_TOO_LARGE', `One request may claim ${MAX_CLAIMS_PER_REQUEST} keys.`);
  }
}
