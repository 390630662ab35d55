import { relationOf } from '../rooms/event-relation.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { RoomEvent } from '../rooms/room-event.ts';

/** Relations that are followed from an event to its thread, as the specification recommends. */
const MAX_HOPS = 3;

/** The thread ID of what is in no thread. */
export const MAIN_TIMELINE = 'main';

/**
 * Whether a receipt of this thread may stand at this event: events are in the thread of their root, and what relates to
 * one of them is too; all else is in the main timeline. A root counts as part of its own thread besides. Where a
 * redaction or a gap hides the relation, the client is believed.
 * Specification: client-server API, "Threaded read receipts".
 */
export async function isInThread(events: EventStore, event: RoomEvent, threadId: string): Promise<boolean> {
  if (event.pdu.eventId === threadId) return true;
  let current: RoomEvent | undefined = event;
  for (let hop = 0; hop <= MAX_HOPS; hop++) {
    if (current === undefined || current.redactedBy !== undefined) return true;
    const relation = relationOf(current.pdu);
    if (relation?.type === 'm.thread') return relation.eventId === threadId;
    if (relation === undefined || hop === MAX_HOPS) break;
    current = (await events.byIds([relation.eventId])).get(relation.eventId);
  }
  return threadId === MAIN_TIMELINE;
}
