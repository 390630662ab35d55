import type { ForwardExtremity } from '../loaded-room.ts';
import type { DraftRoom } from './draft-room.ts';
import type { Planning } from './planning.ts';

/** Refused events that are walked through from one event back to the ends that it takes over. */
const MAX_REFUSED_BEHIND = 100;

/**
 * Where the graph ends once this event was accepted: what it names as previous ends no longer, also where only refused
 * events lie between, and the event itself does unless another accepted one names it. Refused events are no ends.
 * Specification: server-server API, "Soft failure".
 */
export async function extremitiesAfter(
  draft: DraftRoom,
  event: ForwardExtremity,
  planning: Planning,
): Promise<readonly ForwardExtremity[]> {
  const passed = new Set<string>();
  const waiting = [...event.pdu.prevEvents];
  let refused = 0;
  for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) {
    if (passed.has(eventId)) continue;
    passed.add(eventId);
    const previous = planning.known(eventId);
    const isRefused = previous !== undefined && (previous.isRejected || previous.isSoftFailed);
    if (!isRefused || refused >= MAX_REFUSED_BEHIND) continue;
    refused++;
    await planning.load(previous.pdu.prevEvents);
    waiting.push(...previous.pdu.prevEvents);
  }
  const kept = draft.extremities.filter(({ pdu }) => !passed.has(pdu.eventId));
  if (planning.hasAcceptedChild(event.pdu.eventId)) {
    return kept.length === draft.extremities.length ? draft.extremities : kept;
  }
  return [...kept, event];
}
