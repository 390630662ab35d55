import type { JsonObject } from '@limpet/protocol/json';
import { createCache } from '../../../cache/create-cache.ts';
import type { Timers } from '../../../platform/timers.ts';
import {
  type AuthorizationRow,
  selectAuthorizationById,
  selectAuthorizationByNid,
} from '../../../storage/queries/events.ts';
import type { Storage } from '../../../storage/storage.ts';
import { breathe } from '../breathe.ts';

/** Events of which it is kept in memory what authorizes them: some 500 bytes each. */
const MAX_CACHED_NODES = 60_000;
/** Events read before everything else gets its turn. */
const EVENTS_PER_READ = 500;

export interface AuthNode {
  readonly nid: number;
  readonly eventId: string;
  readonly authEvents: readonly string[];
}

/**
 * What authorizes what: enough to walk auth chains, and a small part of the events themselves. State resolution has to
 * know the chains of a whole state, and reads the events of a few.
 */
export class AuthGraphReader {
  readonly #storage: Storage;
  readonly #timers: Timers;
  readonly #byNid = createCache<number, AuthNode>(MAX_CACHED_NODES);
  readonly #byId = createCache<string, AuthNode>(MAX_CACHED_NODES);

  constructor(storage: Storage, timers: Timers) {
    this.#storage = storage;
    this.#timers = timers;
  }

  /** The events of these nids with all that is in their auth chains, by event ID; what is not here is left out. */
  async withChains(nids: Iterable<number>, further: readonly AuthNode[]): Promise<Map<string, AuthNode>> {
    const found = new Map<string, AuthNode>();
    const open = new Set<string>();
    const take = (node: AuthNode) => {
      found.set(node.eventId, node);
      for (const eventId of node.authEvents) if (!found.has(eventId)) open.add(eventId);
    };
    const missing: number[] = [];
    for (const nid of nids) {
      const known = this.#byNid.get(nid);
      if (known === undefined) missing.push(nid);
      else take(known);
    }
    for (const node of further) take(node);
    await this.#inSlices(missing, async (eventNids) => {
      for (const row of await this.#storage.read(selectAuthorizationByNid, { eventNids })) take(this.#note(row));
    });
    const asked = new Set<string>();
    for (;;) {
      const unknown: string[] = [];
      for (const eventId of open) {
        open.delete(eventId);
        if (found.has(eventId)) continue;
        const known = this.#byId.get(eventId);
        if (known !== undefined) take(known);
        else if (!asked.has(eventId)) unknown.push(eventId);
      }
      if (unknown.length === 0) return found;
      for (const eventId of unknown) asked.add(eventId);
      await this.#inSlices(unknown, async (eventIds) => {
        for (const row of await this.#storage.read(selectAuthorizationById, { eventIds })) take(this.#note(row));
      });
    }
  }

  #note(row: AuthorizationRow): AuthNode {
    const { auth_events: list } = JSON.parse(row.json) as JsonObject;
    const authEvents = (Array.isArray(list) ? list : []).map((entry) =>
      String(Array.isArray(entry) ? entry[0] : entry),
    );
    const node = { nid: row.event_nid, eventId: row.event_id, authEvents };
    this.#byNid.set(node.nid, node);
    this.#byId.set(node.eventId, node);
    return node;
  }

  async #inSlices<T>(all: readonly T[], read: (some: readonly T[]) => Promise<void>): Promise<void> {
    for (let start = 0; start < all.length; start += EVENTS_PER_READ) {
      if (start > 0) await breathe(this.#timers);
      await read(all.slice(start, start + EVENTS_PER_READ));
    }
  }
}
