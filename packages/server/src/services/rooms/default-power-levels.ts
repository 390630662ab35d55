import type { JsonObject } from '@limpet/protocol/json';
import type { RoomVersion } from '@limpet/protocol/room-version';

/**
 * The power levels that a new room begins with. `privileged` users have the creator's level; where creators stand above
 * all levels they are not named. Specification: client-server API, `POST /createRoom`, step 3.
 */
export function defaultPowerLevels(privileged: readonly string[], version: RoomVersion): JsonObject {
  const users = version.privilegesCreators ? {} : Object.fromEntries(privileged.map((userId) => [userId, 100]));
  return {
    users,
    users_default: 0,
    events: {
      'm.room.avatar': 50,
      'm.room.canonical_alias': 50,
      'm.room.encryption': 100,
      'm.room.history_visibility': 100,
      'm.room.name': 50,
      'm.room.power_levels': 100,
      'm.room.server_acl': 100,
      // An administrator of level 100 is not to close a room over its creators' heads.
      'm.room.tombstone': version.privilegesCreators ? 150 : 100,
    },
    events_default: 0,
    state_default: 50,
    ban: 50,
    kick: 50,
    redact: 50,
    invite: 0,
    notifications: { room: 50 },
  };
}
