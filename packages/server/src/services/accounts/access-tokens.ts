import { type DeviceId, parseDeviceId, parseUserId, type UserId } from '@limpet/protocol/identifiers';
import { createCache } from '../../cache/create-cache.ts';
import type { Clock } from '../../platform/clock.ts';
import { selectAccessToken } from '../../storage/queries/access-tokens.ts';
import type { Storage } from '../../storage/storage.ts';
import type { LastSeen } from './last-seen.ts';
import { hashOfSecret } from './secrets.ts';

/** Tokens in use whose owner is kept in memory; some 200 bytes each. */
const MAX_CACHED_TOKENS = 50_000;

/** Whose access token it is. */
export interface TokenOwner {
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  /** As it was sent. Never log it. */
  readonly accessToken: string;
}

interface CachedOwner {
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  readonly expiresTs: number | undefined;
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

  /** The owner; `undefined` when nobody has this token, or it has expired. */
  async verify(accessToken: string): Promise<TokenOwner | undefined> {
    const tokenHash = hashOfSecret(accessToken);
    const key = keyOf(tokenHash);
    const owner = this.#owners.get(key) ?? (await this.#read(tokenHash, key));
    if (owner === undefined) return undefined;
    if (owner.expiresTs !== undefined && owner.expiresTs <= this.#clock.nowMs()) return undefined;
    const { userId, deviceId } = owner;
    this.#lastSeen.note(userId, deviceId);
    return { userId, deviceId, accessToken };
  }

  /** Forgets these tokens. To be called once their deletion is on disk. */
  drop(tokenHashes: Iterable<Uint8Array>): void {
    this.#drops++;
    for (const tokenHash of tokenHashes) this.#owners.delete(keyOf(tokenHash));
  }

  async #read(tokenHash: Uint8Array, key: string): Promise<CachedOwner | undefined> {
    const drops = this.#drops;
    const [row] = await this.#storage.read(selectAccessToken, { tokenHash });
    if (row === undefined) return undefined;
    const owner = {
      userId: parseUserId(row.user_id),
      deviceId: parseDeviceId(row.device_id),
      expiresTs: row.expires_ts ?? undefined,
    };
    if (drops === this.#drops) this.#owners.set(key, owner);
    return owner;
  }
}

function keyOf(tokenHash: Uint8Array): string {
  return Buffer.from(tokenHash.buffer, tokenHash.byteOffset, tokenHash.byteLength).toString('base64');
}
