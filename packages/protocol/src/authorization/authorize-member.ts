import { asUserId, serverNameOf } from '../identifiers.ts';
import { contentOf } from '../pdu.ts';
import { ALLOWED, refused, type Verdict } from '../verdict.ts';
import type { AuthorizationContext, MembershipContext } from './authorization-context.ts';
import { authorizeInvite } from './authorize-invite.ts';
import { authorizeJoin } from './authorize-join.ts';
import { authorizeBan, authorizeLeave } from './authorize-leave.ts';
import { joinRuleOf, membershipOf } from './room-state.ts';

/** Rule 5: `m.room.member`. */
export function authorizeMember(context: AuthorizationContext): Verdict {
  const { event, version } = context;
  const membership = contentOf(event, 'membership');
  // 5.1
  if (event.stateKey === undefined) return refused('m.room.member has no state_key.');
  if (membership === undefined) return refused('m.room.member has no membership.');
  // 5.2, since v8
  if (version.allowsRestrictedJoins && Object.hasOwn(event.content, 'join_authorised_via_users_server')) {
    const authorisingUser = asUserId(event.content.join_authorised_via_users_server);
    if (authorisingUser === undefined) return refused('join_authorised_via_users_server is not a user ID.');
    if (!context.isSignedBy(serverNameOf(authorisingUser))) {
      return refused(`The server of ${authorisingUser}, said to authorise this, has not signed it.`);
    }
  }
  const member: MembershipContext = { ...context, target: event.stateKey };
  if (membership === 'join') return authorizeJoin(member); // 5.3
  if (membership === 'invite') return authorizeInvite(member); // 5.4
  if (membership === 'leave') return authorizeLeave(member); // 5.5
  if (membership === 'ban') return authorizeBan(member); // 5.6
  if (membership === 'knock' && version.allowsKnocking) return authorizeKnock(member); // 5.7
  return refused(`${JSON.stringify(membership)} is no membership in this room version.`); // 5.8
}

/** Rule 5.7: somebody asks to be let in. */
function authorizeKnock({ event, state, target, version }: MembershipContext): Verdict {
  const joinRule = joinRuleOf(state);
  // 5.7.1
  if (joinRule !== 'knock' && !(joinRule === 'knock_restricted' && version.allowsKnockRestricted)) {
    return refused(`The join rule ${joinRule} does not allow knocking.`);
  }
  if (event.sender !== target) return refused(`${event.sender} cannot knock for ${target}.`); // 5.7.2
  // 5.7.3
  const membership = membershipOf(state, event.sender);
  if (membership !== 'ban' && membership !== 'invite' && membership !== 'join') return ALLOWED;
  return refused(`${target} cannot knock: the membership is already ${membership}.`); // 5.7.4
}
