import { contentOf } from '../pdu.ts';
import { ALLOWED, refused, type Verdict } from '../verdict.ts';
import type { MembershipContext } from './authorization-context.ts';
import { joinRuleOf, membershipOf } from './room-state.ts';

/** Rule 5.3: somebody joins, or changes their profile while joined. */
export function authorizeJoin(context: MembershipContext): Verdict {
  const { event, state, target, version } = context;
  if (isFirstJoin(context)) return ALLOWED; // 5.3.1
  if (event.sender !== target) return refused(`${event.sender} cannot join for ${target}.`); // 5.3.2
  const membership = membershipOf(state, target);
  if (membership === 'ban') return refused(`${target} is banned from the room.`); // 5.3.3
  const isWelcome = membership === 'invite' || membership === 'join';
  const joinRule = joinRuleOf(state);
  // 5.3.4
  if (joinRule === 'invite' || (joinRule === 'knock' && version.allowsKnocking)) {
    return isWelcome ? ALLOWED : refused(`The join rule is ${joinRule}, and ${target} is not invited.`);
  }
  // 5.3.5
  if (
    (joinRule === 'restricted' && version.allowsRestrictedJoins) ||
    (joinRule === 'knock_restricted' && version.allowsKnockRestricted)
  ) {
    return isWelcome ? ALLOWED : authorizeRestrictedJoin(context);
  }
  if (joinRule === 'public') return ALLOWED; // 5.3.6
  return refused(`The join rule ${joinRule} lets nobody in in this room version.`); // 5.3.7
}

/** Whether the room's creator joins right after the create event. */
function isFirstJoin({ event, create, target, version }: MembershipContext): boolean {
  if (event.prevEvents.length !== 1 || event.prevEvents[0] !== create.eventId) return false;
  return target === (version.creatorIsSender ? create.sender : contentOf(create, 'creator'));
}

/** Rules 5.3.5.2 and 5.3.5.3: a member who may invite stands for the newcomer. Rule 5.2 has seen the signature. */
function authorizeRestrictedJoin({ event, state, powerLevels, target }: MembershipContext): Verdict {
  const authorisingUser = contentOf(event, 'join_authorised_via_users_server');
  if (typeof authorisingUser !== 'string') {
    return refused(`The join is restricted, and no member of the room authorised that of ${target}.`);
  }
  if (membershipOf(state, authorisingUser) !== 'join') {
    return refused(`${authorisingUser} is not joined and so cannot authorise a join.`);
  }
  const level = powerLevels.levelOf(authorisingUser);
  if (level >= powerLevels.invite) return ALLOWED;
  return refused(`Authorising a join takes power level ${powerLevels.invite}; ${authorisingUser} has ${level}.`);
}
