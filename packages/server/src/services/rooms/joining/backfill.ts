import { serverNameOf } from '@limpet/protocol/identifiers';
import type { LRUCache } from 'lru-cache';
import { createCache } from '../../../cache/create-cache.ts';
import type { Platform } from '../../../platform/platform.ts';
import { RemoteServerError, type RemoteServers } from '../../remote-servers/remote-servers.ts';
import type { EventStore } from '../event-store.ts';
import type { OlderHistory } from '../older-history.ts';
import type { ReceivedEvent } from '../received-event.ts';
import type { RoomEvent, RoomRecord } from '../room-event.ts';
import type { RoomReceiver } from '../room-receiver.ts';
import type { RoomServers } from '../room-servers.ts';
import { otherServers } from './ask-servers.ts';
import { arrayIn } from './fetch-events.ts';
import { orderPage } from './order-page.ts';
import { StateFetcher } from './state-fetcher.ts';
import { verifyMany } from './verify-many.ts';

/** Events asked for at once. */
const PAGE_SIZE = 100;
/** The first events of a room that are looked at for what they rest on; the room may have several ends there. */
const MAX_FIRST_EVENTS = 20;
const MAX_PREVIOUS_ASKED = 20;
/** Servers that one page is asked of, one after the other. */
const MAX_SERVERS = 4;
const BACKFILL_TIMEOUT_MS = 15_000;
const MAX_PAGE_BYTES = 16 * 1024 * 1024;
/** How long a room is left alone after nobody gave anything. */
const REST_MS = 30_000;
const MAX_RESTING_ROOMS = 10_000;
/** Rooms whose past is brought at once. */
const MAX_UNDER_WAY = 50;

export interface BackfillParts {
  readonly remote: RemoteServers;
  readonly receiver: RoomReceiver;
  readonly events: EventStore;
  readonly roomServers: RoomServers;
  readonly serverName: string;
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'log'>;
}

/**
 * Brings the past of rooms from other servers. Specification: server-server API, "Backfilling and retrieving missing
 * events".
 */
export class Backfill implements OlderHistory {
  readonly #parts: BackfillParts;
  readonly #states: StateFetcher;
  readonly #underWay = new Map<string, Promise<boolean>>();
  /** Until when, on the monotonic clock, a place in a room is left alone. */
  readonly #resting: LRUCache<string, number> = createCache(MAX_RESTING_ROOMS);

  constructor(parts: BackfillParts) {
    this.#parts = parts;
    this.#states = new StateFetcher(parts);
  }

  async hasMore(room: RoomRecord, after: number): Promise<boolean> {
    return (await this.#openEnds(room, after)).eventIds.length > 0;
  }

  async bring(room: RoomRecord, after: number): Promise<boolean> {
    const { clock } = this.#parts.platform;
    const key = `${room.nid} ${after}`;
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    if (this.#underWay.size >= MAX_UNDER_WAY || (this.#resting.get(key) ?? 0) > clock.monotonicMs()) return false;
    const bringing = this.#bring(room, after);
    this.#underWay.set(key, bringing);
    try {
      const isBrought = await bringing;
      if (!isBrought) this.#resting.set(key, clock.monotonicMs() + REST_MS);
      return isBrought;
    } finally {
      this.#underWay.delete(key);
    }
  }

  async #bring(room: RoomRecord, after: number): Promise<boolean> {
    const ends = await this.#openEnds(room, after);
    if (ends.eventIds.length === 0) return false;
    const { roomServers, serverName: own, platform } = this.#parts;
    const servers = otherServers([...ends.servers, ...(await roomServers.in(room))], own);
    for (const serverName of servers.slice(0, MAX_SERVERS)) {
      try {
        if (await this.#bringFrom(serverName, room, { ...ends, after })) return true;
      } catch (error) {
        if (!(error instanceof RemoteServerError)) throw error;
        platform.log.info('Another server did not give history', { roomId: room.roomId, serverName, error });
      }
    }
    return false;
  }

  async #bringFrom(serverName: string, room: RoomRecord, { eventIds: from, after }: OpenPlace): Promise<boolean> {
    const { remote, receiver, events } = this.#parts;
    const answer = await remote.request(serverName, {
      method: 'GET',
      path: `/_matrix/federation/v1/backfill/${encodeURIComponent(room.roomId)}`,
      query: { v: from, limit: String(PAGE_SIZE) },
      timeoutMs: BACKFILL_TIMEOUT_MS,
      maxBytes: MAX_PAGE_BYTES,
    });
    const given = await this.#verified(arrayIn(answer, 'pdus').slice(0, PAGE_SIZE), room, serverName);
    const known = await events.byIds(given.map(({ pdu }) => pdu.eventId));
    const page = orderPage(
      given.filter(({ pdu }) => pdu.roomId === room.roomId && !isPlaced(known.get(pdu.eventId))),
      from,
    );
    const [first] = page;
    if (first === undefined) return false;
    const stateBefore = await this.#stateBefore(first, room, serverName);
    const isInGap = after > Number.MIN_SAFE_INTEGER;
    await receiver.keepHistory(room.roomId, page, { stateBefore, ...(isInGap ? { after } : {}) });
    return true;
  }

  async #verified(objects: Parameters<typeof verifyMany>[0], room: RoomRecord, serverName: string) {
    const { remote, platform } = this.#parts;
    const verification = { version: room.version, keys: remote.keys, receivedTs: platform.clock.nowMs() };
    const { events, refused: count, firstReason } = await verifyMany(objects, verification, platform.timers);
    const { roomId } = room;
    if (count > 0) platform.log.warn('Events of history were refused', { roomId, serverName, count, firstReason });
    return events;
  }

  /** A room begins with nothing; before any other event the server that gave it says what there was. */
  async #stateBefore({ pdu }: ReceivedEvent, room: RoomRecord, serverName: string): Promise<readonly string[]> {
    return pdu.prevEvents.length === 0 ? [] : this.#states.before(pdu.eventId, room, serverName);
  }

  /** What the first events here rest on and is not here, and the servers of who sent them: those had it. */
  async #openEnds(room: RoomRecord, after: number): Promise<OpenEnds> {
    const { events } = this.#parts;
    const range = { room, after, before: Number.MAX_SAFE_INTEGER };
    const [oldest] = await events.forwards({ ...range, limit: 1 });
    if (oldest === undefined || oldest.pdu.prevEvents.length === 0) return { eventIds: [], servers: [] };
    const first = await events.forwards({ ...range, limit: MAX_FIRST_EVENTS });
    const previous = [...new Set(first.flatMap(({ pdu }) => pdu.prevEvents))];
    const known = await events.byIds(previous);
    const eventIds = previous.filter((eventId) => !isPlaced(known.get(eventId))).slice(0, MAX_PREVIOUS_ASKED);
    return { eventIds, servers: first.map(({ pdu }) => serverNameOf(pdu.sender)) };
  }
}

interface OpenEnds {
  readonly eventIds: readonly string[];
  readonly servers: readonly (string | undefined)[];
}

interface OpenPlace extends OpenEnds {
  readonly after: number;
}

/** Whether the event stands in the graph, as against beside it. */
function isPlaced(event: RoomEvent | undefined): boolean {
  return event?.stateBefore !== undefined;
}
