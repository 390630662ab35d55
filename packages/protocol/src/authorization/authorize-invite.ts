import { isJsonObject, type JsonValue } from '../json.ts';
import { contentOf, type Pdu, stateEvent } from '../pdu.ts';
import { ALLOWED, refused, type Verdict } from '../verdict.ts';
import type { MembershipContext } from './authorization-context.ts';
import { membershipOf } from './room-state.ts';
import { isSignedByAnyKey } from './third-party-signature.ts';

/** Rule 5.4: somebody is invited, by user ID or by a third party's identifier. */
export function authorizeInvite(context: MembershipContext): Verdict {
  const { event, state, powerLevels, target } = context;
  const thirdPartyInvite = contentOf(event, 'third_party_invite');
  if (thirdPartyInvite !== undefined) return authorizeThirdPartyInvite(context, thirdPartyInvite); // 5.4.1
  // 5.4.2
  if (membershipOf(state, event.sender) !== 'join') return refused(`${event.sender} is not joined to the room.`);
  // 5.4.3
  const membership = membershipOf(state, target);
  if (membership === 'join') return refused(`${target} is already joined to the room.`);
  if (membership === 'ban') return refused(`${target} is banned from the room.`);
  // 5.4.4
  const senderLevel = powerLevels.levelOf(event.sender);
  if (senderLevel >= powerLevels.invite) return ALLOWED;
  return refused(`Inviting takes power level ${powerLevels.invite}; ${event.sender} has ${senderLevel}.`); // 5.4.5
}

/** Rule 5.4.1: whoever holds the invited e-mail address or the like was found to be this user. */
function authorizeThirdPartyInvite({ event, state, target }: MembershipContext, thirdPartyInvite: JsonValue): Verdict {
  // 5.4.1.1
  if (membershipOf(state, target) === 'ban') return refused(`${target} is banned from the room.`);
  // 5.4.1.2
  const signed = isJsonObject(thirdPartyInvite) ? thirdPartyInvite.signed : undefined;
  if (!isJsonObject(signed)) return refused('third_party_invite has no object signed.');
  // 5.4.1.3
  const { mxid, token } = signed;
  if (typeof mxid !== 'string' || typeof token !== 'string') {
    return refused('third_party_invite.signed lacks mxid or token.');
  }
  // 5.4.1.4
  if (mxid !== target) return refused(`The third-party invite was signed for ${mxid}, not for ${target}.`);
  // 5.4.1.5
  const invite = stateEvent(state, 'm.room.third_party_invite', token);
  if (invite === undefined) return refused('The room has no third-party invite with this token.');
  // 5.4.1.6
  if (invite.sender !== event.sender) return refused(`The third-party invite is of ${invite.sender}.`);
  // 5.4.1.7
  if (isSignedByAnyKey(signed, publicKeysOf(invite))) return ALLOWED;
  return refused('The third-party invite is not signed by any of its public keys.'); // 5.4.1.8
}

/** `public_key` and those of `public_keys`, as base64, without what is none. */
function publicKeysOf(invite: Pdu): string[] {
  const listed = contentOf(invite, 'public_keys');
  const entries = Array.isArray(listed) ? listed.map((entry) => isJsonObject(entry) && entry.public_key) : [];
  return [contentOf(invite, 'public_key'), ...entries].filter((key) => typeof key === 'string');
}
