import type { ReceivedEvent } from '../received-event.ts';

/**
 * Those of the events that these ones rest on, themselves included, oldest first: none stands before one of its
 * `prev_events`. What a server sends along that leads to nothing we have is left out, and so are events in a circle.
 *
 * A page is small: looking through it for each of its events costs less than being clever.
 */
export function orderPage(events: readonly ReceivedEvent[], from: readonly string[]): ReceivedEvent[] {
  const wanted = ancestors(new Map(events.map((event) => [event.pdu.eventId, event])), from);
  const ordered: ReceivedEvent[] = [];
  const open = new Map(wanted);
  for (;;) {
    const next = [...open.values()]
      .filter(({ pdu }) => pdu.prevEvents.every((eventId) => !open.has(eventId)))
      .reduce<ReceivedEvent | undefined>((first, one) => (isOlder(one, first) ? one : first), undefined);
    if (next === undefined) return ordered;
    open.delete(next.pdu.eventId);
    ordered.push(next);
  }
}

function ancestors(events: ReadonlyMap<string, ReceivedEvent>, from: readonly string[]): Map<string, ReceivedEvent> {
  const found = new Map<string, ReceivedEvent>();
  const open = [...from];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const event = events.get(next);
    if (event === undefined || found.has(next)) continue;
    found.set(next, event);
    open.push(...event.pdu.prevEvents);
  }
  return found;
}

function isOlder({ pdu }: ReceivedEvent, other: ReceivedEvent | undefined): boolean {
  if (other === undefined) return true;
  const byDepth = pdu.depth - other.pdu.depth;
  return byDepth < 0 || (byDepth === 0 && pdu.originServerTs < other.pdu.originServerTs);
}
