import { redactPdu } from '@limpet/protocol/redaction';
import { selectParentsAmongChildren, selectThreads, type ThreadRow } from '../../../storage/queries/relation-pages.ts';
import { selectThreadsUpTo } from '../../../storage/queries/relations.ts';
import type { Storage } from '../../../storage/storage.ts';
import type { AccountDataReader } from '../../accounts/account-data-reader.ts';
import type { EventSight } from '../event-sight.ts';
import type { EventStore } from '../event-store.ts';
import type { RoomAccess } from '../room-access.ts';
import { placeOf, type RoomEvent } from '../room-event.ts';
import { seenEvent } from '../seen-event.ts';
import type { TimelineReader } from '../timeline.ts';
import { type ChildrenRange, readChildren } from './read-children.ts';

/** Most events, or threads, that one page gives. */
const MAX_PAGE = 500;
/** How often a page in which this user may see nothing is followed by the next before the answer goes out empty. */
const MAX_UNSEEN_PAGES = 10;
/** How many relations are followed from a child to the event asked about. The specification recommends three. */
export const RECURSION_DEPTH = 3;
/** Events of one depth whose own children are looked at; the newest of them. */
const MAX_PARENTS_PER_DEPTH = 1_000;
/** Threads that are looked at at once. */
const THREADS_PER_READ = 200;

interface EventRelationsParts {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly timeline: TimelineReader;
  readonly sight: EventSight;
  readonly accountData: AccountDataReader;
}

export interface ChildrenQuery {
  /** `undefined` for any. */
  readonly relType: string | undefined;
  readonly eventType: string | undefined;
  /** Places between events: what is older has a `room_index` up to this. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly direction: 'backwards' | 'forwards';
  readonly limit: number;
  /** Whether the children of children are given, too. */
  readonly recurse: boolean;
}

export interface ThreadsQuery {
  readonly participated: boolean;
  /** The place before the last event of the first thread to give. */
  readonly from: number | undefined;
  readonly limit: number;
}

export interface RelationsPage {
  readonly events: readonly RoomEvent[];
  /** The place where the next page begins; `undefined` when there is nothing more. */
  readonly next: number | undefined;
}

/** Reads which events relate to which. Specification: client-server API, "Relationships API" and "Threading". */
export class EventRelations {
  readonly #parts: EventRelationsParts;

  constructor(parts: EventRelationsParts) {
    this.#parts = parts;
  }

  /**
   * The event whose children are asked for; whether its sender is ignored makes no difference. Throws M_NOT_FOUND for
   * what is not there or may not be seen.
   */
  async parent(roomId: string, eventId: string, userId: string): Promise<RoomEvent> {
    const { sight } = this.#parts;
    return seenEvent(this.#parts, { roomId, eventId }, (event) => sight.visibleTo(userId, event.room, [event]));
  }

  async children(parent: RoomEvent, userId: string, query: ChildrenQuery): Promise<RelationsPage> {
    const isBackwards = query.direction === 'backwards';
    const newest = await this.#newestIndex(parent);
    const from = Math.min(query.from ?? (isBackwards ? newest : Number.MIN_SAFE_INTEGER), newest);
    const limit = Math.min(query.limit, MAX_PAGE);
    const range = {
      roomNid: parent.room.nid,
      parentIds: await this.#parentIds(parent, query),
      relType: query.relType ?? null,
      type: query.eventType ?? null,
      isBackwards,
      limit: limit + 1,
    };
    let rest: ChildrenRange = isBackwards
      ? { ...range, after: query.to ?? Number.MIN_SAFE_INTEGER, before: from + 1 }
      : { ...range, after: from, before: Math.min(query.to ?? newest, newest) + 1 };
    for (let pages = 1; ; pages++) {
      const rows = await readChildren(this.#parts.storage, rest);
      const page = rows.slice(0, limit);
      const last = page.at(-1)?.room_index;
      const nids = page.map((row) => row.event_nid);
      const events = await this.#shownTo(userId, await this.#inOrder(nids));
      const isMore = rows.length > limit && last !== undefined;
      if (!isMore) return { events, next: undefined };
      if (events.length > 0 || pages >= MAX_UNSEEN_PAGES) return { events, next: isBackwards ? last - 1 : last };
      rest = isBackwards ? { ...rest, before: last } : { ...rest, after: last };
    }
  }

  /** The roots of threads, those with the latest events first. */
  async threads({ room, userId, parting }: RoomAccess, query: ThreadsQuery): Promise<RelationsPage> {
    const { storage, timeline } = this.#parts;
    const newest = await timeline.roomIndexAt(room, storage.stream.current());
    let before = Math.min(query.from ?? newest, newest) + 1;
    const limit = Math.min(query.limit, MAX_PAGE);
    const found: { root: RoomEvent; latest: number }[] = [];
    for (let pages = 1; ; pages++) {
      const roots = { roomNid: room.nid, userId, before, limit: THREADS_PER_READ };
      const rows = await storage.read(selectThreads, roots);
      const wanted = rows.filter((row) => !query.participated || row.has_taken_part === 1);
      const there = parting === undefined ? wanted : await this.#begunBefore(parting, wanted);
      const seen = await this.#roots(userId, there);
      found.push(...seen);
      const last = found[limit - 1];
      if (found.length > limit && last !== undefined) return pageOf(found.slice(0, limit), last.latest - 1);
      const lastRow = rows.at(-1);
      if (rows.length < THREADS_PER_READ || lastRow === undefined) return pageOf(found, undefined);
      before = lastRow.thread_latest;
      if (pages >= MAX_UNSEEN_PAGES) return pageOf(found, before - 1);
    }
  }

  /** The newest event there is for clients: what is not published yet is not shown. */
  #newestIndex({ room }: RoomEvent): Promise<number> {
    return this.#parts.timeline.roomIndexAt(room, this.#parts.storage.stream.current());
  }

  /** Whose children are given. Kinds hold at each depth: all that stands between an event and the parent fits. */
  async #parentIds({ pdu, room }: RoomEvent, { recurse, relType, eventType }: ChildrenQuery): Promise<string[]> {
    const kind = { relType: relType ?? null, type: eventType ?? null };
    const all = new Set<string>([pdu.eventId]);
    let parentIds = [...all];
    for (let depth = 1; recurse && depth < RECURSION_DEPTH && parentIds.length > 0; depth++) {
      const query = { roomNid: room.nid, parentIds, ...kind, limit: MAX_PARENTS_PER_DEPTH };
      const rows = await this.#parts.storage.read(selectParentsAmongChildren, query);
      parentIds = rows.map((row) => row.event_id).filter((eventId) => !all.has(eventId));
      for (const eventId of parentIds) all.add(eventId);
    }
    return [...all];
  }

  async #inOrder(nids: readonly number[]): Promise<RoomEvent[]> {
    const events = await this.#parts.events.byNids(nids);
    return nids.flatMap((nid) => events.get(nid) ?? []);
  }

  /** What may be seen, less what users whom this one ignores have said. */
  async #shownTo(userId: string, events: readonly RoomEvent[]): Promise<RoomEvent[]> {
    const room = events[0]?.room;
    if (room === undefined) return [];
    const ignored = await this.#parts.accountData.ignoredUsers(userId);
    const candidates = events.filter(({ pdu }) => pdu.stateKey !== undefined || !ignored.has(pdu.sender));
    return this.#parts.sight.visibleTo(userId, room, candidates);
  }

  /** Those of which something was there when the user left. */
  async #begunBefore(parting: RoomEvent, rows: readonly ThreadRow[]): Promise<ThreadRow[]> {
    const eventIds = rows.map((row) => row.event_id);
    const upTo = placeOf(parting).roomIndex;
    const query = { roomNid: parting.room.nid, eventIds, ignored: [], upTo };
    const threads = await this.#parts.storage.read(selectThreadsUpTo, query);
    const begun = new Set(threads.filter(({ count }) => count > 0).map((thread) => thread.event_id));
    return rows.filter((row) => begun.has(row.event_id));
  }

  /**
   * Those roots that the user may see. One of an ignored user is given as redacted.
   * Specification: `GET /rooms/{roomId}/threads`.
   */
  async #roots(userId: string, rows: readonly ThreadRow[]): Promise<{ root: RoomEvent; latest: number }[]> {
    const latest = new Map(rows.map((row) => [row.event_nid, row.thread_latest]));
    const roots = await this.#inOrder([...latest.keys()]);
    const room = roots[0]?.room;
    if (room === undefined) return [];
    const ignored = await this.#parts.accountData.ignoredUsers(userId);
    const seen = await this.#parts.sight.visibleTo(userId, room, roots);
    return seen.map((root) => {
      const shown = ignored.has(root.pdu.sender) ? { ...root, pdu: redactPdu(root.pdu, room.version) } : root;
      return { root: shown, latest: latest.get(root.nid) ?? 0 };
    });
  }
}

function pageOf(found: readonly { readonly root: RoomEvent }[], next: number | undefined): RelationsPage {
  return { events: found.map(({ root }) => root), next };
}
