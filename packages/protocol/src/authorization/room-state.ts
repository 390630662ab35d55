import { contentOf, type StateMap, stateMapKey } from '../pdu.ts';

/** Where the rules look in a room's state. */
export const CREATE_KEY = stateMapKey('m.room.create', '');
export const POWER_LEVELS_KEY = stateMapKey('m.room.power_levels', '');
const JOIN_RULES_KEY = stateMapKey('m.room.join_rules', '');

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
