import { powerLevelsOf } from '../authorization/power-levels.ts';
import type { Pdu } from '../pdu.ts';
import { type ResolutionContext, stateOfAuthEvents } from './resolution-context.ts';

/**
 * The power level of the event's sender, going by the event's own auth events (rejected ones too: who cites them is
 * ordered by them all the same). Creators may have `Infinity`.
 * Specification: room version 2, "State resolution", "Reverse topological power ordering".
 */
export function senderPowerLevel(event: Pdu, context: ResolutionContext): number {
  const state = stateOfAuthEvents(event, { ...context, rejectedEventIds: NONE });
  return powerLevelsOf(state, context.version).levelOf(event.sender);
}

const NONE: ReadonlySet<string> = new Set();
