import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { ExpiringMap } from '../accounts/expiring-map.ts';
import { viaOf } from './remote-rooms.ts';
import type { RoomPreview, RoomPreviews } from './room-previews.ts';

/** Rooms on one page, also where the client asks for more. */
const MAX_ROOMS_PER_PAGE = 50;
/** Levels below the room that was asked for. */
const MAX_DEPTH = 20;
/** Rooms of one walk, those that cannot be shown included: then it ends. */
const MAX_ROOMS_OF_WALK = 5_000;
/** Rooms looked at for one page, where most of them cannot be shown. */
const MAX_LOOKED_AT_PER_PAGE = 200;
/** After this time a page ends with what there is: each room of another server may take some of it. */
const MAX_PAGE_MS = 30_000;
/** Rooms of all walks that can be continued, at some 200 bytes each, and how long after their last page. */
const MAX_KEPT_ROOMS = 200_000;
const WALK_LIFETIME_MS = 600_000;
const TOKEN_BYTES = 12;

export interface SpaceWalkQuery {
  readonly roomId: string;
  readonly userId: string;
  readonly suggestedOnly: boolean;
  readonly maxDepth: number | undefined;
  readonly limit: number | undefined;
  readonly from: string | undefined;
}

export interface SpacePage {
  readonly rooms: readonly JsonObject[];
  readonly nextBatch: string | undefined;
}

interface Step {
  readonly roomId: string;
  readonly via: readonly string[];
  readonly depth: number;
}

/** Where a walk stands after one of its pages. Never changed, so that a page can be asked for again. */
interface Walk {
  readonly roomId: string;
  readonly userId: string;
  readonly suggestedOnly: boolean;
  readonly maxDepth: number;
  /** What comes next is last. */
  readonly ahead: readonly Step[];
  readonly seen: ReadonlySet<string>;
}

/**
 * Walks through spaces, depth first, a page at a time. Specification: client-server API, "Spaces",
 * `GET /rooms/{roomId}/hierarchy`.
 */
export class SpaceWalks {
  readonly #platform: Platform;
  readonly #previews: RoomPreviews;
  readonly #walks: ExpiringMap<Walk>;

  constructor(platform: Platform, previews: RoomPreviews) {
    this.#platform = platform;
    this.#previews = previews;
    this.#walks = new ExpiringMap({
      clock: platform.clock,
      lifetimeMs: WALK_LIFETIME_MS,
      maxEntries: MAX_KEPT_ROOMS,
      weightOf: ({ ahead, seen }) => ahead.length + seen.size,
    });
  }

  /**
   * Throws M_FORBIDDEN where the user may not know of the room, M_INVALID_PARAM for a token that is none, is too old,
   * or is of a walk that began otherwise.
   */
  async page(query: SpaceWalkQuery): Promise<SpacePage> {
    const walk = query.from === undefined ? startOf(query) : this.#resume(query, query.from);
    const limit = Math.min(query.limit ?? MAX_ROOMS_PER_PAGE, MAX_ROOMS_PER_PAGE);
    const ahead = [...walk.ahead];
    const seen = new Set(walk.seen);
    const rooms: JsonObject[] = [];
    const { clock } = this.#platform;
    const endMs = clock.monotonicMs() + MAX_PAGE_MS;
    for (let lookedAt = 0; lookedAt < MAX_LOOKED_AT_PER_PAGE && rooms.length < limit; lookedAt++) {
      if (clock.monotonicMs() >= endMs) break;
      const step = ahead.pop();
      if (step === undefined) break;
      const { suggestedOnly, userId } = walk;
      const preview = await this.#previews.of({ ...step, suggestedOnly, userId });
      if (preview === undefined) {
        if (step.depth === 0) throw new MatrixError('M_FORBIDDEN', 'You may not look into this room.');
        continue;
      }
      rooms.push({ ...preview.summary, children_state: [...preview.links] });
      if (step.depth < walk.maxDepth) addChildren(preview, { depth: step.depth + 1, ahead, seen });
    }
    return { rooms, nextBatch: ahead.length === 0 ? undefined : this.#keep({ ...walk, ahead, seen }) };
  }

  #resume(query: SpaceWalkQuery, token: string): Walk {
    const walk = this.#walks.get(token);
    if (walk === undefined || walk.userId !== query.userId || walk.roomId !== query.roomId) {
      const text = 'from is no token of this walk, or too old. Leave it out to begin anew.';
      throw new MatrixError('M_INVALID_PARAM', text);
    }
    if (walk.suggestedOnly !== query.suggestedOnly || walk.maxDepth !== depthOf(query)) {
      throw new MatrixError('M_INVALID_PARAM', 'suggested_only and max_depth have to stay the same on every page.');
    }
    return walk;
  }

  #keep(walk: Walk): string {
    const token = Buffer.from(this.#platform.random.bytes(TOKEN_BYTES)).toString('base64url');
    this.#walks.set(token, walk);
    return token;
  }
}

function startOf(query: SpaceWalkQuery): Walk {
  const { roomId, userId, suggestedOnly } = query;
  const ahead = [{ roomId, via: [], depth: 0 }];
  return { roomId, userId, suggestedOnly, maxDepth: depthOf(query), ahead, seen: new Set([roomId]) };
}

function depthOf({ maxDepth }: SpaceWalkQuery): number {
  return Math.min(maxDepth ?? MAX_DEPTH, MAX_DEPTH);
}

/** Each room is met once, however many spaces it is in, so loops end. */
function addChildren(
  preview: RoomPreview,
  { depth, ahead, seen }: { readonly depth: number; readonly ahead: Step[]; readonly seen: Set<string> },
): void {
  const found: Step[] = [];
  for (const link of preview.links) {
    const roomId = String(link.state_key);
    if (seen.has(roomId) || seen.size >= MAX_ROOMS_OF_WALK) continue;
    seen.add(roomId);
    found.push({ roomId, via: viaOf(link.content), depth });
  }
  ahead.push(...found.reverse());
}
