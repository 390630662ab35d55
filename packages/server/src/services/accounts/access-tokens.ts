import { type DeviceId, parseDeviceId, parseUserId, type UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { createCache } from '../../cache/create-cache.ts';
import type { Clock } from '../../platform/clock.ts';
import { type AccessTokenRow, selectAccessToken } from '../../storage/queries/access-tokens.ts';
import type { Storage } from '../../storage/storage.ts';
import type { LastSeen } from './last-seen.ts';
import { hashOfSecret } from './secrets.ts';
import { useUpRefreshTokenWithin } from './use-up-refresh-token.ts';

/** Tokens in use whose owner is kept in memory; some 200 bytes each. */
const MAX_CACHED_TOKENS = 50_000;

/** Whose access token it is. */
export interface TokenOwner {
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  /** As it was sent. Never log it. */
  readonly accessToken: string;
  readonly standing: AccountStanding;
}

/** What the account may do now; who serves the request has to look. */
export interface AccountStanding {
  readonly isGuest: boolean;
  readonly isLocked: boolean;
  readonly isSuspended: boolean;
}

interface CachedOwner {
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  readonly expiresTs: number | undefined;
  /** The refresh token that it was got with, until it is used for the first time. */
  readonly refreshedBy: Uint8Array | undefined;
  readonly standing: AccountStanding;
}

/**
 * Says whose an access token is. Tokens stand in the database and in memory as hashes alone. A token that was deleted
 * is refused from the moment on that its deletion is on disk: `drop` is called before the logout is answered.
 */
export class AccessTokens {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #lastSeen: LastSeen;
  readonly #owners = createCache<string, CachedOwner>(MAX_CACHED_TOKENS);
  /** Counts the drops: what was read before one may be of a token that it took away, and is not kept. */
  #drops = 0;

  constructor(storage: Storage, clock: Clock, lastSeen: LastSeen) {
    this.#storage = storage;
    this.#clock = clock;
    this.#lastSeen = lastSeen;
  }

  /**
   * The owner; `undefined` when nobody has this token. Throws M_UNKNOWN_TOKEN with `soft_logout` when it has expired:
   * its session goes on.
   */
  async verify(accessToken: string): Promise<TokenOwner | undefined> {
    const tokenHash = hashOfSecret(accessToken);
    const key = keyOf(tokenHash);
    const owner = this.#owners.get(key) ?? (await this.#read(tokenHash, key));
    if (owner === undefined) return undefined;
    if (owner.expiresTs !== undefined && owner.expiresTs <= this.#clock.nowMs()) throw expired();
    const { userId, deviceId, refreshedBy, standing } = owner;
    if (refreshedBy !== undefined) await this.#useUp({ userId, deviceId, refreshHash: refreshedBy });
    this.#lastSeen.note(userId, deviceId);
    return { userId, deviceId, accessToken, standing };
  }

  /** Forgets these tokens. To be called once their deletion is on disk. */
  drop(tokenHashes: Iterable<Uint8Array>): void {
    this.#drops++;
    for (const tokenHash of tokenHashes) this.#owners.delete(keyOf(tokenHash));
  }

  /** Forgets the tokens of a user, whose standing changed. To be called once that is on disk. */
  dropUser(userId: UserId): void {
    this.#drops++;
    const keys = [...this.#owners.entries()].filter(([, owner]) => owner.userId === userId).map(([key]) => key);
    for (const key of keys) this.#owners.delete(key);
  }

  async #useUp(refreshed: { userId: UserId; deviceId: DeviceId; refreshHash: Uint8Array }): Promise<void> {
    const committed = await this.#storage.write((transaction) => useUpRefreshTokenWithin(transaction, refreshed));
    this.drop(committed.value.flatMap((rows) => committed.rows(rows)).map((row) => row.token_hash));
  }

  async #read(tokenHash: Uint8Array, key: string): Promise<CachedOwner | undefined> {
    const drops = this.#drops;
    const [row] = await this.#storage.read(selectAccessToken, { tokenHash });
    if (row === undefined) return undefined;
    const owner = {
      userId: parseUserId(row.user_id),
      deviceId: parseDeviceId(row.device_id),
      expiresTs: row.expires_ts ?? undefined,
      refreshedBy: row.refreshed_by ?? undefined,
      standing: standingOf(row),
    };
    if (drops === this.#drops) this.#owners.set(key, owner);
    return owner;
  }
}

/** Most accounts have the same standing, so that a token in memory takes no more for it. */
function standingOf(row: AccessTokenRow): AccountStanding {
  if (row.is_guest + row.is_locked + row.is_suspended === 0) return GOOD_STANDING;
  return { isGuest: row.is_guest === 1, isLocked: row.is_locked === 1, isSuspended: row.is_suspended === 1 };
}

const GOOD_STANDING: AccountStanding = Object.freeze({ isGuest: false, isLocked: false, isSuspended: false });

function expired(): MatrixError {
  const text = 'This access token has expired. Get a new one with the refresh token, or log in again.';
  return new MatrixError('M_UNKNOWN_TOKEN', text, { extra: { soft_logout: true } });
}

function keyOf(tokenHash: Uint8Array): string {
  return Buffer.from(tokenHash.buffer, tokenHash.byteOffset, tokenHash.byteLength).toString('base64');
}
