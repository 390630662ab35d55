/** What of an event says where in the graph it stands. */
export interface GraphEvent {
  readonly eventId: string;
  readonly prevEvents: readonly string[];
  readonly depth: number;
}

export interface OrderedEvents<Event> {
  /** What is older in the graph before what is newer; where the graph does not say it, by depth, then as they came. */
  readonly ordered: readonly Event[];
  /** Those that rest on themselves, through whatever is between: no honest server makes such. */
  readonly circular: readonly Event[];
}

/**
 * Brings events into the order in which they are to be received. Each event stands once. For some hundred events: it
 * takes a step for each pair of them.
 */
export function orderEvents<Event extends GraphEvent>(events: readonly Event[]): OrderedEvents<Event> {
  const byId = new Map(events.map((event) => [event.eventId, event]));
  const left = [...byId.values()].sort((one, other) => one.depth - other.depth);
  const ordered: Event[] = [];
  const waiting = new Set(byId.keys());
  for (;;) {
    const next = left.findIndex((event) => !event.prevEvents.some((eventId) => waiting.has(eventId)));
    const event = left[next];
    if (event === undefined) return { ordered, circular: left };
    left.splice(next, 1);
    waiting.delete(event.eventId);
    ordered.push(event);
  }
}
