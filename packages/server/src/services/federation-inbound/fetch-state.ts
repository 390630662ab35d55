import { type EventPool, type Fetching, verifyFetched } from './fetching.ts';
import type { RemoteStateIds } from './remote-events.ts';

/** As many missing events as are asked for one by one; where more are missing, the whole state is. */
const MAX_SINGLE = 50;
/** Requests for single events that are under way at once. */
const MAX_AT_ONCE = 8;
/** Events of a state with its auth chain. */
const MAX_STATE_EVENTS = 250_000;

export interface FetchedState {
  /** What was not here, to be kept beside the graph. */
  readonly outliers: EventPool;
  readonly ids: RemoteStateIds;
}

/**
 * Step 3, where the gap is too wide to walk: the state before an event, as the first server has it that says it.
 * Specification: server-server API, `GET /state_ids`, `GET /state`, `GET /event`.
 */
export async function fetchState(eventId: string, fetching: Fetching): Promise<FetchedState | undefined> {
  const { room, remote, known } = fetching;
  for (const server of fetching.servers) {
    const ids = await remote.stateIds(server, room.roomId, eventId);
    if (ids === undefined || ids.state.length === 0) continue;
    const all = [...new Set([...ids.authChain, ...ids.state])];
    if (all.length > MAX_STATE_EVENTS) continue;
    await known.look(all);
    // A state with something of another room in it is made up.
    if (all.some((one) => known.isForeign(one))) continue;
    const missing = new Set(all.filter((one) => !known.isHere(one)));
    const found =
      missing.size <= MAX_SINGLE
        ? await fetchEvents(server, [...missing], fetching)
        : await verifyFetched(await remote.stateEvents(server, room.roomId, eventId), fetching);
    return { outliers: new Map([...found].filter(([one]) => missing.has(one))), ids };
  }
  return undefined;
}

async function fetchEvents(server: string, eventIds: readonly string[], fetching: Fetching): Promise<EventPool> {
  const events: EventPool = new Map();
  for (let first = 0; first < eventIds.length; first += MAX_AT_ONCE) {
    const part = eventIds.slice(first, first + MAX_AT_ONCE);
    const objects = await Promise.all(part.map((eventId) => fetching.remote.event(server, eventId)));
    const verified = await verifyFetched(
      objects.filter((object) => object !== undefined),
      fetching,
    );
    for (const [eventId, event] of verified) events.set(eventId, event);
  }
  return events;
}
