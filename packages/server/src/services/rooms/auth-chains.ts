import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { createCache } from '../../cache/create-cache.ts';
import type { Timers } from '../../platform/timers.ts';
import { selectEventTexts, selectNidsOfEvents } from '../../storage/queries/served-events.ts';
import type { Storage } from '../../storage/storage.ts';
import { breathe } from './breathe.ts';

/** Longest chain that is walked. Whoever asks for a longer one is refused: it is not to be had in one answer. */
const MAX_CHAIN_EVENTS = 200_000;
/** Events whose auth events are kept in memory, whatever room they are of: some 100 bytes each. */
const MAX_CACHED_EVENTS = 200_000;
/** Events read at once. */
const EVENTS_PER_READ = 500;
/** Reads, each of which may be of a single event, before others get their turn. */
const READS_PER_TURN = 20;

export interface AuthChainsOptions {
  /** For tests: other limits than the usual. */
  readonly maxChainEvents?: number;
}

/**
 * Walks auth chains by number, one generation after the other: no call stack grows, each event is entered once (so that
 * a circle ends, too), and what an event rests on is read from its text once and then known, since it never changes.
 */
export class AuthChains {
  readonly #storage: Storage;
  readonly #timers: Timers;
  readonly #maxChainEvents: number;
  readonly #authEvents = createCache<number, readonly number[]>(MAX_CACHED_EVENTS);

  constructor(storage: Storage, timers: Timers, { maxChainEvents = MAX_CHAIN_EVENTS }: AuthChainsOptions = {}) {
    this.#storage = storage;
    this.#timers = timers;
    this.#maxChainEvents = maxChainEvents;
  }

  /**
   * The nids of all that these events rest on; one of them is in it only where another one leads to it. What we do not
   * have is left out. Throws M_TOO_LARGE for a chain beyond the limit.
   */
  async of(eventNids: Iterable<number>): Promise<ReadonlySet<number>> {
    const chain = new Set<number>();
    let generation = [...eventNids];
    let reads = 0;
    while (generation.length > 0) {
      const next: number[] = [];
      for (let first = 0; first < generation.length; first += EVENTS_PER_READ) {
        if (++reads % READS_PER_TURN === 0) await breathe(this.#timers);
        const part = generation.slice(first, first + EVENTS_PER_READ);
        for (const authEventNid of await this.#authEventsOf(part)) {
          if (chain.has(authEventNid)) continue;
          chain.add(authEventNid);
          next.push(authEventNid);
        }
        if (chain.size > this.#maxChainEvents) throw tooLong(this.#maxChainEvents);
      }
      generation = next;
    }
    return chain;
  }

  async #authEventsOf(eventNids: readonly number[]): Promise<number[]> {
    const found: number[] = [];
    const missing: number[] = [];
    for (const nid of eventNids) {
      const known = this.#authEvents.get(nid);
      if (known === undefined) missing.push(nid);
      else found.push(...known);
    }
    if (missing.length > 0) for (const authEvents of await this.#read(missing)) found.push(...authEvents);
    return found;
  }

  async #read(eventNids: readonly number[]): Promise<(readonly number[])[]> {
    const rows = await this.#storage.read(selectEventTexts, { eventNids });
    const named = rows.map((row) => ({ nid: row.event_nid, authEventIds: authEventIdsIn(row.json) }));
    const eventIds = [...new Set(named.flatMap(({ authEventIds }) => authEventIds))];
    const nidRows = await this.#storage.read(selectNidsOfEvents, { eventIds });
    const nids = new Map(nidRows.map((row) => [row.event_id, row.event_nid]));
    return named.map(({ nid, authEventIds }) => {
      const authEvents = authEventIds.flatMap((eventId) => nids.get(eventId) ?? []);
      // What is not here yet may come.
      if (authEvents.length === authEventIds.length) this.#authEvents.set(nid, authEvents);
      return authEvents;
    });
  }
}

const BEGINNING = '{"auth_events":';

/**
 * The `auth_events` of an event's canonical JSON, nearly always its first field: then the rest need not be read. Where
 * it is not, or the field holds more than plain IDs (room versions 1 and 2), the whole is.
 */
export function authEventIdsIn(json: string): string[] {
  if (json.startsWith(BEGINNING)) {
    const end = json.indexOf(']', BEGINNING.length);
    const list = idsOf(json.slice(BEGINNING.length, end + 1));
    if (list !== undefined) return list;
  }
  const { auth_events: authEvents } = JSON.parse(json) as JsonObject;
  const entries = Array.isArray(authEvents) ? authEvents : [];
  return entries.map((entry) => (Array.isArray(entry) ? entry[0] : entry)).filter((id) => typeof id === 'string');
}

/** `undefined` where the text was cut in the middle of something. */
function idsOf(text: string): string[] | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((entry) => typeof entry === 'string') ? list : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function tooLong(limit: number): MatrixError {
  return new MatrixError('M_TOO_LARGE', `The auth chain has more than ${limit} events. Ask for single events.`);
}
