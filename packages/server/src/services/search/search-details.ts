import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { RoomAccess, RoomDoor } from '../rooms/room-access.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import type { RoomHistory, Surroundings } from '../rooms/room-history.ts';
import type { RoomStateViews } from '../rooms/room-state-views.ts';
import type { SearchHit } from './search.ts';

/** Events around one result, in each direction. */
const MAX_CONTEXT = 20;

export interface SearchDetailsParts {
  readonly door: RoomDoor;
  readonly history: RoomHistory;
  readonly states: RoomStateViews;
}

export interface ContextRequest {
  readonly before: number;
  readonly after: number;
  readonly withProfiles: boolean;
}

export interface HitContext extends Surroundings {
  /** By user ID, as they were when the result was sent; `undefined` where nobody asked. */
  readonly profiles: JsonObject | undefined;
}

/** What a search tells of its results beside the results. */
export class SearchDetails {
  readonly #parts: SearchDetailsParts;

  constructor(parts: SearchDetailsParts) {
    this.#parts = parts;
  }

  /** By the nids of the events; a room that the user cannot look into by now has none. */
  async contexts(
    userId: string,
    hits: readonly SearchHit[],
    { before, after, withProfiles }: ContextRequest,
  ): Promise<Map<number, HitContext>> {
    const limits = { before: Math.min(before, MAX_CONTEXT), after: Math.min(after, MAX_CONTEXT) };
    const contexts = new Map<number, HitContext>();
    const accesses = await this.#accesses(userId, hits);
    for (const { event } of hits) {
      const access = accesses.get(event.room.nid);
      if (access === undefined) continue;
      // Many results: other servers are not asked for what is missing around each.
      const query = { limits, filter: undefined, withOlder: false };
      const around = await this.#parts.history.surroundings(access, event, query);
      const profiles = withProfiles ? await this.#profiles([event, ...around.before, ...around.after]) : undefined;
      contexts.set(event.nid, { ...around, profiles });
    }
    return contexts;
  }

  /** The state of each room that has a result, by room ID: the current one, or that of when the user left. */
  async states(userId: string, hits: readonly SearchHit[]): Promise<Map<string, RoomEvent[]>> {
    const states = new Map<string, RoomEvent[]>();
    for (const access of (await this.#accesses(userId, hits)).values()) {
      states.set(access.room.roomId, await this.#parts.states.all(access));
    }
    return states;
  }

  async #accesses(userId: string, hits: readonly SearchHit[]): Promise<Map<number, RoomAccess>> {
    const accesses = new Map<number, RoomAccess>();
    const rooms = new Map(hits.map(({ event }) => [event.room.nid, event.room]));
    for (const { nid, roomId } of rooms.values()) {
      try {
        accesses.set(nid, await this.#parts.door.enter(roomId, userId));
      } catch (error) {
        // One event of a room may be seen by who may not look around in it.
        if (!(error instanceof MatrixError)) throw error;
      }
    }
    return accesses;
  }

  /** Specification: `POST /search`, `profile_info`. */
  async #profiles(events: readonly RoomEvent[]): Promise<JsonObject> {
    const profiles: JsonObject = {};
    for (const { pdu } of await this.#parts.history.profiles(events)) {
      const { displayname, avatar_url: avatarUrl } = pdu.content;
      const profile: JsonObject = {};
      if (typeof displayname === 'string') profile.displayname = displayname;
      if (typeof avatarUrl === 'string') profile.avatar_url = avatarUrl;
      if (pdu.stateKey !== undefined) profiles[pdu.stateKey] = profile;
    }
    return profiles;
  }
}
