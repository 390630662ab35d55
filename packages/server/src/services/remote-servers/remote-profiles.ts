import type { UserId } from '@limpet/protocol/identifiers';
import { serverNameOf } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../platform/clock.ts';
import { RemoteServerError, type RemoteServers } from './remote-servers.ts';

const PROFILE_TIMEOUT_MS = 10_000;
/** The largest profile that the specification lets a user have. */
const MAX_PROFILE_BYTES = 65_536;
/** How long a profile is given again without asking. */
const FRESH_MS = 60_000;
/** How long a server that did not answer is not asked again for the same user. */
const UNKNOWN_MS = 5_000;
/** Profiles in memory: their JSON together, in characters. */
const MAX_CACHED_LENGTH = 4_000_000;
/** Users whose profiles are being asked for at once. */
const MAX_UNDER_WAY = 500;

/** What a server said of a user; `missing` where it knows no such user, or keeps the profile to itself. */
type Found =
  | { readonly kind: 'profile'; readonly profile: JsonObject }
  | { readonly kind: 'missing' | 'unknown'; readonly profile?: undefined };

interface Cached {
  readonly found: Found;
  readonly untilMs: number;
}

/** Profiles of users of other servers. Specification: server-server API, `GET /query/profile`. */
export class RemoteProfiles {
  readonly #remote: RemoteServers;
  readonly #clock: Clock;
  readonly #cache = new LRUCache<string, Cached>({
    maxSize: MAX_CACHED_LENGTH,
    sizeCalculation: ({ found }) => JSON.stringify(found).length,
  });
  readonly #underWay = new Map<string, Promise<Found>>();

  constructor(remote: RemoteServers, clock: Clock) {
    this.#remote = remote;
    this.#clock = clock;
  }

  /** Throws M_NOT_FOUND where the server knows no such user, M_UNKNOWN (502) where it does not say. */
  async get(userId: UserId): Promise<JsonObject> {
    const found = await this.#find(userId);
    if (found.kind === 'profile') return found.profile;
    if (found.kind === 'missing')
      throw new MatrixError('M_NOT_FOUND', `${serverNameOf(userId)} gives no such profile.`);
    const text = `The server ${serverNameOf(userId)} does not answer for its users just now. Try again later.`;
    throw new MatrixError('M_UNKNOWN', text, { status: 502 });
  }

  async #find(userId: UserId): Promise<Found> {
    const known = this.#cache.get(userId);
    if (known !== undefined && known.untilMs > this.#clock.monotonicMs()) return known.found;
    const underWay = this.#underWay.get(userId);
    if (underWay !== undefined) return underWay;
    if (this.#underWay.size >= MAX_UNDER_WAY) return { kind: 'unknown' };
    const asking = this.#ask(userId);
    this.#underWay.set(userId, asking);
    try {
      const found = await asking;
      const freshMs = found.kind === 'unknown' ? UNKNOWN_MS : FRESH_MS;
      this.#cache.set(userId, { found, untilMs: this.#clock.monotonicMs() + freshMs });
      return found;
    } finally {
      this.#underWay.delete(userId);
    }
  }

  async #ask(userId: UserId): Promise<Found> {
    try {
      const answer = await this.#remote.request(serverNameOf(userId), {
        method: 'GET',
        path: '/_matrix/federation/v1/query/profile',
        query: { user_id: userId },
        timeoutMs: PROFILE_TIMEOUT_MS,
        maxBytes: MAX_PROFILE_BYTES,
      });
      return isJsonObject(answer) ? { kind: 'profile', profile: answer } : { kind: 'unknown' };
    } catch (error) {
      if (!(error instanceof RemoteServerError)) throw error;
      const isMissing = error.status === 404 || error.status === 403;
      return { kind: isMissing ? 'missing' : 'unknown' };
    }
  }
}
