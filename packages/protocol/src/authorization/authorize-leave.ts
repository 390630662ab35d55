import { ALLOWED, refused, type Verdict } from '../verdict.ts';
import type { MembershipContext } from './authorization-context.ts';
import { membershipOf } from './room-state.ts';

/** Rule 5.5: somebody leaves, declines, is kicked, or is let back in after a ban. */
export function authorizeLeave({ event, state, powerLevels, target, version }: MembershipContext): Verdict {
  const membership = membershipOf(state, target);
  // 5.5.1
  if (event.sender === target) {
    if (membership === 'invite' || membership === 'join') return ALLOWED;
    if (membership === 'knock' && version.allowsKnocking) return ALLOWED;
    return refused(`${target} cannot leave: the membership is ${membership}.`);
  }
  // 5.5.2
  if (membershipOf(state, event.sender) !== 'join') return refused(`${event.sender} is not joined to the room.`);
  const senderLevel = powerLevels.levelOf(event.sender);
  // 5.5.3
  if (membership === 'ban' && senderLevel < powerLevels.ban) {
    return refused(`Lifting a ban takes power level ${powerLevels.ban}; ${event.sender} has ${senderLevel}.`);
  }
  // 5.5.4
  if (senderLevel < powerLevels.kick) {
    return refused(`Kicking takes power level ${powerLevels.kick}; ${event.sender} has ${senderLevel}.`);
  }
  if (powerLevels.levelOf(target) < senderLevel) return ALLOWED;
  return refused(`${event.sender} cannot kick ${target}, who has the same power level or a higher one.`); // 5.5.5
}

/** Rule 5.6: somebody is banned. */
export function authorizeBan({ event, state, powerLevels, target }: MembershipContext): Verdict {
  // 5.6.1
  if (membershipOf(state, event.sender) !== 'join') return refused(`${event.sender} is not joined to the room.`);
  const senderLevel = powerLevels.levelOf(event.sender);
  // 5.6.2
  if (senderLevel < powerLevels.ban) {
    return refused(`Banning takes power level ${powerLevels.ban}; ${event.sender} has ${senderLevel}.`);
  }
  if (powerLevels.levelOf(target) < senderLevel) return ALLOWED;
  return refused(`${event.sender} cannot ban ${target}, who has the same power level or a higher one.`); // 5.6.3
}
