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
  const rooms = new Map<number, { readonly userRoom: UserRoom; readonly rules: number[] }>();
  for (const [index, { rooms: some }] of matched.entries()) {
    for (const userRoom of some) {
      const known = rooms.get(userRoom.room.nid);
      if (known === undefined) rooms.set(userRoom.room.nid, { userRoom, rules: [index] });
      else known.rules.push(index);
    }
  }
  const configs = new Map<string, RoomConfig>();
  const combined = new Map<number, ConfiguredRoom>();
  for (const [nid, { userRoom, rules }] of rooms) {
    const key = rules.join();
    const config = configs.get(key) ?? new RoomConfig(rules.flatMap((index) => matched[index]?.rule ?? []));
    configs.set(key, config);
    combined.set(nid, { userRoom, config });
  }
  return combined;
}
