import { type EventPool, type Fetching, pdusOf, verifyFetched } from './fetching.ts';
import { missingAuthEvents, restsOn } from './missing-events.ts';

/** Requests of one search, each for one event or for one auth chain. */
const MAX_REQUESTS = 60;
/** As many missing events as are asked for one by one; where more are missing, a whole auth chain is. */
const MAX_SINGLE = 10;
/** Rounds of single events: each goes one step further back. */
const MAX_SINGLE_ROUNDS = 3;
/** Events that one search brings. An auth chain that is longer stays missing. */
const MAX_FETCHED = 5_000;

/**
 * Step 2: the events that authorize those of the pool and are neither here nor among them, with all that authorizes
 * them in turn. Gives what is to be kept beside the graph.
 * Specification: server-server API, "Retrieving event authorization information".
 */
export async function fetchAuthEvents(pool: EventPool, fetching: Fetching): Promise<EventPool> {
  const outliers: EventPool = new Map();
  const servers = [...fetching.servers];
  let requests = 0;
  for (let round = 0; requests < MAX_REQUESTS && outliers.size < MAX_FETCHED; round++) {
    const all = pdusOf(new Map([...pool, ...outliers]));
    await fetching.known.look(restsOn(all.values()));
    const missing = missingAuthEvents(all, fetching.known);
    const [server] = servers;
    if (missing.size === 0 || server === undefined) break;
    const isSingle = missing.size <= MAX_SINGLE && round < MAX_SINGLE_ROUNDS;
    requests += isSingle ? missing.size : 1;
    const found = isSingle
      ? await fetchEvents(server, [...missing], fetching)
      : await fetchChain(server, [...all.values()].find(restsOnAny(missing))?.eventId ?? '', fetching);
    await fetching.known.look([...found.keys()]);
    for (const eventId of found.keys()) if (pool.has(eventId) || fetching.known.isHere(eventId)) found.delete(eventId);
    if (addWanted(outliers, found, missing) === 0) servers.shift();
  }
  return outliers;
}

async function fetchEvents(server: string, eventIds: readonly string[], fetching: Fetching): Promise<EventPool> {
  const objects = await Promise.all(eventIds.map((eventId) => fetching.remote.event(server, eventId)));
  return verifyFetched(
    objects.filter((object) => object !== undefined),
    fetching,
  );
}

async function fetchChain(server: string, eventId: string, fetching: Fetching): Promise<EventPool> {
  const chain = await fetching.remote.authChain(server, fetching.room.roomId, eventId);
  return verifyFetched(chain.slice(0, MAX_FETCHED), fetching);
}

function restsOnAny(missing: ReadonlySet<string>): (event: { authEvents: readonly string[] }) => boolean {
  return ({ authEvents }) => authEvents.some((eventId) => missing.has(eventId));
}

/** Takes of an answer what is missing, and what those events rest on. How many that are. */
function addWanted(outliers: EventPool, found: EventPool, missing: ReadonlySet<string>): number {
  const wanted = [...missing];
  let added = 0;
  // Grows while it is walked.
  for (const eventId of wanted) {
    const event = found.get(eventId);
    if (event === undefined || outliers.has(eventId)) continue;
    outliers.set(eventId, event);
    added++;
    wanted.push(...event.pdu.authEvents);
  }
  return added;
}
