import { contentOf, type Pdu, type StateMap, stateMapKey } from '../pdu.ts';
import type { RoomVersion } from '../room-version.ts';
import type { PowerLevels } from './power-levels.ts';

/** What every rule after the first is given. */
export interface AuthorizationContext {
  readonly event: Pdu;
  readonly state: StateMap;
  readonly version: RoomVersion;
  /** The room's create event, of that state. */
  readonly create: Pdu;
  readonly powerLevels: PowerLevels;
  /** Whether the event carries a valid signature of that server. */
  readonly isSignedBy: (serverName: string) => boolean;
}

/** The same, of a membership event whose target (its state key) is known to be there. */
export interface MembershipContext extends AuthorizationContext {
  readonly target: string;
}

export const CREATE_KEY = stateMapKey('m.room.create', '');
export const POWER_LEVELS_KEY = stateMapKey('m.room.power_levels', '');
export const JOIN_RULES_KEY = stateMapKey('m.room.join_rules', '');

/** The user's membership; somebody who was never there counts as having left. */
export function membershipOf(state: StateMap, userId: string): string {
  const membership = contentOf(state.get(stateMapKey('m.room.member', userId)), 'membership');
  return typeof membership === 'string' ? membership : 'leave';
}

/** The room's join rule; a room without one is joined by invitation. */
export function joinRuleOf(state: StateMap): string {
  const joinRule = contentOf(state.get(JOIN_RULES_KEY), 'join_rule');
  return typeof joinRule === 'string' ? joinRule : 'invite';
}
