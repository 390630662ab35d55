/**
 * The authorization rules: may this event stand in this room, given that state? Room versions 1 to 12.
 * Specification: the page of each room version, "Authorization rules"; server-server API, "Authorization rules".
 *
 * Rule numbers in the comments of this folder are those of room version 12. Versions 1 to 5 have `m.room.aliases` as
 * rule 4 and, in 1 and 2, `m.room.redaction` as rule 11; their rules 2 and 3 are 3 and 4 here. In versions 6 to 11
 * every rule from 3 on has a number lower by one. The tests name the number that each version itself uses.
 *
 * Rule 3 (the `auth_events` of an event) is `check-auth-events.ts`: it is asked once, on receipt, while the rules here
 * are asked against several states.
 */
import { contentOf, type Pdu, type StateMap } from '../pdu.ts';
import type { RoomVersion } from '../room-version.ts';
import { signaturesOf } from '../signing.ts';
import { ALLOWED, refused, type Verdict } from '../verdict.ts';
import type { AuthorizationContext } from './authorization-context.ts';
import { authorizeAliases } from './authorize-aliases.ts';
import { authorizeCreate } from './authorize-create.ts';
import { authorizeMember } from './authorize-member.ts';
import { authorizePowerLevels } from './authorize-power-levels.ts';
import { authorizeRedaction } from './authorize-redaction.ts';
import { isSameServer } from './is-same-server.ts';
import { powerLevelsOf } from './power-levels.ts';
import { CREATE_KEY, membershipOf } from './room-state.ts';

export interface AuthorizationOptions {
  /**
   * Whether the event carries a valid signature of that server: rule 5.2, for `join_authorised_via_users_server`. Left
   * out, a signature that is present counts as valid: right wherever the signatures were checked when the event came
   * in, as in state resolution.
   */
  readonly isSignedBy?: (serverName: string) => boolean;
}

/**
 * Whether the event is allowed by that state: the state before it, the state its `auth_events` make, or the room's
 * current state. The state holds accepted events only, and always the create event, also from version 12 on, where it
 * is not among the `auth_events`.
 */
export function authorizeEvent(
  event: Pdu,
  state: StateMap,
  version: RoomVersion,
  options: AuthorizationOptions = {},
): Verdict {
  if (event.type === 'm.room.create') return authorizeCreate(event, version); // 1
  const create = state.get(CREATE_KEY);
  if (create === undefined) return refused('The room has no m.room.create event that was accepted.'); // 2, v1-11: 2.4
  if (version.roomIdIsCreateHash && event.roomId !== `!${create.eventId.slice(1)}`) {
    return refused(`The room ID ${event.roomId} is not that of the create event ${create.eventId}.`); // 2
  }
  if (contentOf(create, 'm.federate') === false && !isSameServer(event.sender, create.sender)) {
    return refused(`The room does not federate, and ${event.sender} is of another server than its creator.`); // 4
  }
  if (event.type === 'm.room.aliases' && version.treatsAliasesSpecially) return authorizeAliases(event); // v1-5: 4
  const powerLevels = powerLevelsOf(state, version);
  const isSignedBy = options.isSignedBy ?? ((serverName) => signaturesOf(event.json, serverName).length > 0);
  const context: AuthorizationContext = { event, state, version, create, powerLevels, isSignedBy };
  return event.type === 'm.room.member' ? authorizeMember(context) : authorizeByPower(context);
}

/** Rules 6 to 11: whatever is neither the create event nor a membership. */
function authorizeByPower(context: AuthorizationContext): Verdict {
  const { event, state, version, powerLevels } = context;
  // 6
  if (membershipOf(state, event.sender) !== 'join') return refused(`${event.sender} is not joined to the room.`);
  const senderLevel = powerLevels.levelOf(event.sender);
  // 7
  if (event.type === 'm.room.third_party_invite') {
    if (senderLevel >= powerLevels.invite) return ALLOWED;
    return refused(`Inviting takes power level ${powerLevels.invite}; ${event.sender} has ${senderLevel}.`);
  }
  // 8
  const required = powerLevels.requiredFor(event.type, event.stateKey !== undefined);
  if (required > senderLevel) {
    return refused(`Sending ${event.type} takes power level ${required}; ${event.sender} has ${senderLevel}.`);
  }
  // 9
  if (event.stateKey !== undefined && event.stateKey !== event.sender && event.stateKey.startsWith('@')) {
    return refused(`The state key ${event.stateKey} belongs to that user, not to ${event.sender}.`);
  }
  if (event.type === 'm.room.power_levels') return authorizePowerLevels(context); // 10
  // v1, v2: 11
  if (event.type === 'm.room.redaction' && version.authorizesRedactions) return authorizeRedaction(context);
  return ALLOWED; // 11
}
