/** What the winner among the events of one key is found by: signed values alone, so that all clients agree. */
export interface StickyRank {
  readonly originServerTs: number;
  /** As signed, held down to the cap. */
  readonly durationMs: number;
  readonly eventId: string;
}

/**
 * Positive where `left` wins over `right`, negative where it loses, 0 for one and the same event (F2): the one that its
 * sender meant to expire last, then the one with the higher event ID, by code unit.
 */
export function compareStickyEvents(left: StickyRank, right: StickyRank): number {
  const leftEndMs = left.originServerTs + left.durationMs;
  const rightEndMs = right.originServerTs + right.durationMs;
  if (leftEndMs !== rightEndMs) return leftEndMs > rightEndMs ? 1 : -1;
  if (left.eventId === right.eventId) return 0;
  return left.eventId > right.eventId ? 1 : -1;
}

/** The winner of them all (F2); `undefined` where there is none. */
export function winningStickyEvent<Event extends StickyRank>(events: Iterable<Event>): Event | undefined {
  let winner: Event | undefined;
  for (const event of events) {
    if (winner === undefined || compareStickyEvents(event, winner) > 0) winner = event;
  }
  return winner;
}
