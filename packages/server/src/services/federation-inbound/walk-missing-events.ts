import type { Pdu } from '@limpet/protocol/pdu';
import { selectExtremityIds } from '../../storage/queries/event-presence.ts';
import type { ReceivedEvent } from '../rooms/received-event.ts';
import { type EventPool, type Fetching, pdusOf, verifyFetched } from './fetching.ts';
import { missingPrevEvents, restsOn } from './missing-events.ts';

/** Requests of one walk, to all servers together. */
const MAX_ROUNDS = 50;
/** Events that one walk brings; a gap that is wider is left to the state at its end. */
const MAX_WALKED = 1_000;
/** The same in characters of JSON: a thousand of the largest events would be too much to keep in memory. */
const MAX_WALKED_CHARACTERS = 16 * 1024 * 1024;
/** Asked for at once; many servers give 20 whatever they are asked for. */
const EVENTS_PER_ROUND = 100;
/** Events named in one request, of both kinds. */
const MAX_NAMED = 20;

/**
 * Step 1: adds to the pool the events that lie between it and what is here. Each request goes back from the deepest
 * events whose `prev_events` are missing. A server that brings nothing new has its last word, so a walk ends even where
 * an answer never comes nearer to what is known.
 * Specification: server-server API, `POST /get_missing_events`.
 */
export async function walkMissingEvents(pool: EventPool, fetching: Fetching): Promise<void> {
  const servers = [...fetching.servers];
  const before = pool.size;
  let characters = 0;
  await fetching.known.look(restsOn(pdusOf(pool).values()));
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (pool.size - before >= MAX_WALKED || characters >= MAX_WALKED_CHARACTERS) return;
    const missing = missingPrevEvents(pdusOf(pool), fetching.known);
    const [server] = servers;
    if (missing.size === 0 || server === undefined) return;
    const staged = await fetching.stagedByIds([...missing]);
    const found = staged.length > 0 ? poolOf(staged) : await ask(server, pool, { missing, fetching });
    const added = await addWanted(pool, found, { missing, fetching });
    characters += added.reduce((sum, event) => sum + event.canonicalJson.length, 0);
    if (added.length === 0) servers.shift();
  }
}

interface Walk {
  readonly missing: ReadonlySet<string>;
  readonly fetching: Fetching;
}

function poolOf(events: Awaited<ReturnType<Fetching['stagedByIds']>>): EventPool {
  return new Map(events.map((event) => [event.pdu.eventId, event]));
}

async function ask(server: string, pool: EventPool, { missing, fetching }: Walk): Promise<EventPool> {
  const { room, storage, remote } = fetching;
  const ends = await storage.read(selectExtremityIds, { roomNid: room.nid, limit: MAX_NAMED });
  const objects = await remote.missing(server, {
    roomId: room.roomId,
    earliest: ends.map((row) => row.event_id),
    latest: latestEvents(pdusOf(pool), missing),
    limit: EVENTS_PER_ROUND,
  });
  return verifyFetched((objects ?? []).slice(0, EVENTS_PER_ROUND), fetching);
}

/** The deepest events that rest on something missing. */
function latestEvents(pool: ReadonlyMap<string, Pdu>, missing: ReadonlySet<string>): string[] {
  return [...pool.values()]
    .filter(({ prevEvents }) => prevEvents.some((eventId) => missing.has(eventId)))
    .sort((one, other) => other.depth - one.depth)
    .slice(0, MAX_NAMED)
    .map(({ eventId }) => eventId);
}

/** Takes of an answer what the pool rests on, and nothing else; what that is. */
async function addWanted(
  pool: EventPool,
  found: EventPool,
  { missing, fetching: { known } }: Walk,
): Promise<ReceivedEvent[]> {
  await known.look([...found.keys(), ...restsOn(pdusOf(found).values())]);
  const wanted = [...missing];
  const added: ReceivedEvent[] = [];
  // Grows while it is walked.
  for (const eventId of wanted) {
    const event = found.get(eventId);
    if (event === undefined || pool.has(eventId)) continue;
    pool.set(eventId, event);
    added.push(event);
    wanted.push(...event.pdu.prevEvents.filter((prev) => !known.isPlaced(prev)));
  }
  return added;
}
