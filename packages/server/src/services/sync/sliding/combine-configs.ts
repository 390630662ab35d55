import type { UserRoom } from '../user-room.ts';
import { RoomConfig } from './room-config.ts';
import type { RoomRule } from './sliding-request.ts';

export interface ConfiguredRoom {
  readonly userRoom: UserRoom;
  readonly config: RoomConfig;
}

/** Rooms that a rule of the request matches. */
export interface MatchedRooms {
  readonly rule: RoomRule;
  readonly rooms: readonly UserRoom[];
}

/** By room nid, in the order in which they are matched first. Rooms that the same rules match share one value. */
export function combineConfigs(matched: readonly MatchedRooms[]): ReadonlyMap<number, ConfiguredRoom> {
  const combined = new Map<number, ConfiguredRoom>();
  for (const { rule, rooms } of matched) {
    const withRule = new Map<RoomConfig | undefined, RoomConfig>();
    for (const userRoom of rooms) {
      const { nid } = userRoom.room;
      const known = combined.get(nid)?.config;
      let config = withRule.get(known);
      if (config === undefined) {
        config = known === undefined ? new RoomConfig([rule]) : new RoomConfig([...known.from, rule]);
        withRule.set(known, config);
      }
      combined.set(nid, { userRoom, config });
    }
  }
  return combined;
}
