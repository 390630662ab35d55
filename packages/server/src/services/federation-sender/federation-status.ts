import type { Clock } from '../../platform/clock.ts';
import {
  countDestinations,
  type DestinationRow,
  selectDestination,
  selectDestinations,
} from '../../storage/queries/destinations.ts';
import { countOutgoingEdus } from '../../storage/queries/outgoing-edus.ts';
import {
  countLatestOfRooms,
  countSticky,
  countStickyForServer,
  selectOutgoingEvents,
} from '../../storage/queries/outgoing-events.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Destination } from './destination.ts';
import type { Destinations } from './destinations.ts';
import type { DestinationCursor } from './live-queue.ts';

/** Servers in one answer; what waits for each is counted. */
const MAX_LISTED = 500;
/** Beyond any position. */
const EVERYTHING = Number.MAX_SAFE_INTEGER;

/** How things are with another server (D7). Times are milliseconds since the Unix epoch. */
export interface DestinationStatus {
  readonly destination: string;
  readonly state: 'live' | 'catching-up' | 'backing-off';
  readonly waiting: {
    /** Of one that is behind: the latest of each room, which is what it will get. */
    readonly events: number;
    readonly stickyEvents: number;
    readonly edus: number;
    readonly oldestTs: number | undefined;
  };
  /** How often it did not answer since it last did. */
  readonly failures: number;
  readonly lastSuccessTs: number | undefined;
  readonly lastError: string | undefined;
  readonly lastErrorTs: number | undefined;
  /** Of one that backs off. */
  readonly nextTryTs: number | undefined;
}

export interface FederationStatusParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly destinations: Destinations;
  readonly lastSuccess: (serverName: string) => number | undefined;
  /** Our own. */
  readonly serverName: string;
}

/** Tells the operator what waits for whom. */
export class FederationStatus {
  readonly #parts: FederationStatusParts;

  constructor(parts: FederationStatusParts) {
    this.#parts = parts;
  }

  /** Those that are behind first, then those that were told something; and how many more there are. */
  async list(): Promise<{ destinations: DestinationStatus[]; leftOut: number }> {
    const { storage, destinations } = this.#parts;
    const [rows, [count]] = await Promise.all([
      storage.read(selectDestinations, { limit: MAX_LISTED }),
      storage.read(countDestinations, {}),
    ]);
    const known = new Set(rows.map((row) => row.server_name));
    const fresh = [...destinations.underWay].map(({ serverName }) => serverName).filter((name) => !known.has(name));
    const listed = rows.map((row) => this.#statusOf(row.server_name, row));
    for (const name of fresh.slice(0, MAX_LISTED)) listed.push(this.#statusOf(name, undefined));
    return { destinations: await Promise.all(listed), leftOut: (count?.count ?? rows.length) - rows.length };
  }

  /** Of one server; one that was never told anything is live. */
  async of(serverName: string): Promise<DestinationStatus> {
    const [row] = await this.#parts.storage.read(selectDestination, { serverName });
    return this.#statusOf(serverName, row);
  }

  async #statusOf(destination: string, row: DestinationRow | undefined): Promise<DestinationStatus> {
    const underWay = this.#parts.destinations.find(destination);
    const isBehind = underWay === undefined ? row?.is_behind === 1 : isBehindNow(underWay);
    const waiting =
      isBehind && (underWay !== undefined || row !== undefined)
        ? await this.#missing(destination, underWay?.cursor ?? cursorOf(row))
        : await this.#inMemory(underWay);
    const [edus] = await this.#parts.storage.read(countOutgoingEdus, { serverName: destination });
    const oldest = [waiting.oldestTs, edus?.oldest_ts ?? undefined].filter((ts) => ts !== undefined);
    const nextTryMs = underWay === undefined ? row?.next_try_ms : retryAtOf(underWay);
    return {
      destination,
      state: underWay === undefined ? (isBehind ? 'backing-off' : 'live') : stateNameOf(underWay),
      waiting: {
        events: waiting.events,
        stickyEvents: waiting.stickyEvents,
        edus: edus?.count ?? 0,
        oldestTs: oldest.length === 0 ? undefined : Math.min(...oldest),
      },
      failures: row?.is_behind === 1 ? row.failures : 0,
      lastSuccessTs: this.#parts.lastSuccess(destination) ?? row?.last_success_ms ?? undefined,
      lastError: row?.last_error ?? undefined,
      lastErrorTs: row?.last_error_ms ?? undefined,
      nextTryTs: isBehind ? nextTryMs : undefined,
    };
  }

  async #inMemory(destination: Destination | undefined) {
    const eventNids = destination?.queue.events.map((event) => event.eventNid) ?? [];
    if (eventNids.length === 0) return { events: 0, stickyEvents: 0, oldestTs: undefined };
    const { storage, clock } = this.#parts;
    const [sticky] = await storage.read(countSticky, { eventNids, nowMs: clock.nowMs() });
    const stickyEvents = sticky?.count ?? 0;
    return { events: eventNids.length - stickyEvents, stickyEvents, oldestTs: await this.#receivedAt(eventNids[0]) };
  }

  async #missing(serverName: string, cursor: DestinationCursor) {
    const { storage, clock, serverName: ownName } = this.#parts;
    const { eventPosition: after, stickyEffective: effective, stickyDue: due } = cursor;
    const range = { serverName, effective, due, nowMs: clock.nowMs(), suffix: `:${ownName}`, upTo: EVERYTHING };
    const [[latest], [sticky]] = await Promise.all([
      storage.read(countLatestOfRooms, { serverName, after }),
      storage.read(countStickyForServer, range),
    ]);
    const firsts = [latest?.first_nid, sticky?.first_nid].filter((nid) => typeof nid === 'number');
    return {
      events: latest?.count ?? 0,
      stickyEvents: sticky?.count ?? 0,
      oldestTs: firsts.length === 0 ? undefined : await this.#receivedAt(Math.min(...firsts)),
    };
  }

  async #receivedAt(eventNid: number | undefined): Promise<number | undefined> {
    if (eventNid === undefined) return undefined;
    const [row] = await this.#parts.storage.read(selectOutgoingEvents, { eventNids: [eventNid] });
    return row?.received_ts;
  }
}

function isBehindNow({ state }: Destination): boolean {
  return state.name === 'catching-up' || state.name === 'backing-off';
}

function stateNameOf({ state }: Destination): DestinationStatus['state'] {
  return state.name === 'catching-up' || state.name === 'backing-off' ? state.name : 'live';
}

function retryAtOf({ state }: Destination): number | undefined {
  return state.name === 'backing-off' ? state.retryAtMs : undefined;
}

function cursorOf(row: DestinationRow | undefined): DestinationCursor {
  return {
    eventPosition: row?.event_position ?? 0,
    stickyEffective: row?.sticky_effective ?? 0,
    stickyDue: row?.sticky_due ?? 0,
  };
}
