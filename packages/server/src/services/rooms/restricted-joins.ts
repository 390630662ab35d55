import { powerLevelsOf } from '@limpet/protocol/authorization/power-levels';
import { roomCreators } from '@limpet/protocol/authorization/room-creators';
import { isJsonObject, type JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { contentOf, type StateMap, stateEvent } from '@limpet/protocol/pdu';
import type { EventStore } from './event-store.ts';
import { type LoadedRoom, membershipIn } from './loaded-room.ts';
import type { MembershipReader } from './membership-reader.ts';
import type { RoomInTurn } from './room-actor.ts';

/** Rooms of an `allow` list that are looked at. */
export const MAX_ALLOWED_ROOMS = 100;

/** The newcomer may come in, and another server has to say so. */
export class NoAuthorisingUser extends MatrixError {
  constructor() {
    super('M_FORBIDDEN', 'Nobody of this server is in the room who could let you in.');
  }
}

/** Joins to rooms that let in the members of other rooms. Specification: client-server API, "Restricted rooms". */
export class RestrictedJoins {
  readonly #events: EventStore;
  readonly #memberships: MembershipReader;

  constructor(events: EventStore, memberships: MembershipReader) {
    this.#events = events;
    this.#memberships = memberships;
  }

  /**
   * The member who stands for the newcomer; `undefined` where none is needed, or where the rules will refuse anyway.
   * The newcomer's member event is loaded. Throws M_FORBIDDEN where the newcomer is in none of the rooms that are
   * allowed, NoAuthorisingUser where nobody of this server can stand for them.
   */
  async authorisingUser({ room, loadMembers }: RoomInTurn, userId: string): Promise<string | undefined> {
    const membership = membershipIn(room, userId);
    if (!isRestricted(room) || membership === 'join' || membership === 'invite' || membership === 'ban')
      return undefined;
    if (!(await this.#isInAllowedRoom(room, userId))) {
      throw new MatrixError('M_FORBIDDEN', 'Joining takes an invite, or the membership of a room that is allowed in.');
    }
    const found = userWhoMayInvite(room);
    if (found === undefined) {
      throw new NoAuthorisingUser();
    }
    await loadMembers(found);
    return found;
  }

  async #isInAllowedRoom(room: LoadedRoom, userId: string): Promise<boolean> {
    for (const roomId of allowedRoomIds(room.state).slice(0, MAX_ALLOWED_ROOMS)) {
      const allowed = await this.#events.room(roomId);
      if (allowed === undefined) continue;
      if ((await this.#memberships.of(allowed, userId))?.membership === 'join') return true;
    }
    return false;
  }
}

/** Whether those who are members elsewhere may join. */
export function isRestricted(room: LoadedRoom): boolean {
  const rule = contentOf(stateEvent(room.state, 'm.room.join_rules', ''), 'join_rule');
  const { allowsRestrictedJoins, allowsKnockRestricted } = room.record.version;
  return (rule === 'restricted' && allowsRestrictedJoins) || (rule === 'knock_restricted' && allowsKnockRestricted);
}

/** The rooms whose members may join, where the join rule is of that kind. */
export function allowedRoomIds(state: StateMap): string[] {
  const allow = contentOf(stateEvent(state, 'm.room.join_rules', ''), 'allow');
  return Array.isArray(allow) ? allow.flatMap(allowedRoomId) : [];
}

function allowedRoomId(condition: JsonValue): string[] {
  if (!isJsonObject(condition) || condition.type !== 'm.room_membership') return [];
  return typeof condition.room_id === 'string' ? [condition.room_id] : [];
}

/** Some local member with the power to invite. */
export function userWhoMayInvite(room: LoadedRoom): string | undefined {
  const powerLevels = powerLevelsOf(room.state, room.record.version);
  const mayInvite = (userId: string) =>
    room.localJoined.has(userId) && powerLevels.levelOf(userId) >= powerLevels.invite;
  return likelyInviters(room).find(mayInvite) ?? room.localJoined.values().find(mayInvite);
}

/** Those with a power of their own; others have the default level. */
function likelyInviters(room: LoadedRoom): string[] {
  const create = stateEvent(room.state, 'm.room.create', '');
  const creators = create === undefined ? [] : [...roomCreators(create, room.record.version)];
  const users = contentOf(stateEvent(room.state, 'm.room.power_levels', ''), 'users');
  const named = isJsonObject(users) ? Object.keys(users) : [];
  return [...creators, ...named];
}
