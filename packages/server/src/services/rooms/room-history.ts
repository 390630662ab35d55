import type { Storage } from '../../storage/storage.ts';
import { hasSeen } from '../../storage/stream.ts';
import type { AccountDataReader } from '../accounts/account-data-reader.ts';
import type { EventFilter } from './event-filter.ts';
import { eventFilterMatches } from './event-filter-matches.ts';
import type { EventSight } from './event-sight.ts';
import type { EventStore } from './event-store.ts';
import type { HistoricalState } from './historical-state.ts';
import type { OlderHistory } from './older-history.ts';
import type { RoomAccess } from './room-access.ts';
import { placeOf, type RoomEvent, type RoomRecord } from './room-event.ts';
import type { RoomStateReader } from './room-state.ts';
import { seenEvent } from './seen-event.ts';
import type { TimelineQuery, TimelineReader } from './timeline.ts';
import { gapsIn, type TimelineGap } from './timeline-gap.ts';

/** Most events that one page or one context gives. */
const MAX_EVENTS_PER_PAGE = 1_000;
/** How often a page in which this user may see nothing is followed by the next before the answer goes out empty. */
const MAX_UNSEEN_PAGES = 10;
/** How often one request waits for another page of other servers, where the user may see little of what they give. */
const MAX_OLDER_PAGES = 3;
/** Events read at once where most of them may turn out to be hidden. */
const MIN_PAGE_AFTER_UNSEEN = 200;

interface RoomHistoryParts {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly timeline: TimelineReader;
  readonly history: HistoricalState;
  readonly sight: EventSight;
  readonly accountData: AccountDataReader;
  readonly older: OlderHistory;
}

/** What a client's filter asks of history: which events, and the member events of their senders alone. */
export interface HistoryFilter extends EventFilter {
  readonly lazyLoadMembers: boolean;
}

export interface MessagesQuery {
  /** Places between events: what is older has a `room_index` up to this. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly direction: 'backwards' | 'forwards';
  readonly limit: number;
  readonly filter: HistoryFilter | undefined;
}

export interface Messages {
  readonly events: readonly RoomEvent[];
  readonly start: number;
  /** `undefined` when there is nothing more for this user. */
  readonly end: number | undefined;
  /** With lazy loading, the member events of the senders. */
  readonly state: readonly RoomEvent[];
}

export interface EventContext extends Surroundings {
  readonly event: RoomEvent;
  /** At the last event given. */
  readonly state: readonly RoomEvent[];
}

export interface SurroundingsQuery {
  readonly limits: { readonly before: number; readonly after: number };
  readonly filter: HistoryFilter | undefined;
  readonly withOlder: boolean;
}

export interface Surroundings {
  /** Newest first. */
  readonly before: readonly RoomEvent[];
  /** Oldest first. */
  readonly after: readonly RoomEvent[];
  readonly start: number;
  readonly end: number;
}

interface VisiblePage {
  readonly events: readonly RoomEvent[];
  readonly next: number | undefined;
}

/** Reads the past of a room for one of its viewers. Specification: client-server API, "Room participation". */
export class RoomHistory {
  readonly #parts: RoomHistoryParts;

  constructor(parts: RoomHistoryParts) {
    this.#parts = parts;
  }

  /** Specification: `GET /rooms/{roomId}/messages`. */
  async messages(access: RoomAccess, query: MessagesQuery): Promise<Messages> {
    const { direction, filter } = query;
    const isBackwards = direction === 'backwards';
    const newest = await this.#newestIndex(access);
    const from = Math.min(query.from ?? (isBackwards ? newest : Number.MIN_SAFE_INTEGER), newest);
    if (query.limit < 1) return { events: [], start: from, end: from, state: [] };
    const stretch = isBackwards
      ? { after: query.to ?? Number.MIN_SAFE_INTEGER, before: from + 1 }
      : { after: from, before: Math.min(query.to ?? newest, newest) + 1 };
    const limit = Math.min(query.limit, MAX_EVENTS_PER_PAGE);
    const stretchQuery = { room: access.room, ...stretch, limit, direction, filter };
    const page =
      isBackwards && query.to === undefined
        ? await this.#pageWithOlder(access, stretchQuery)
        : await this.#visiblePage(access, stretchQuery);
    const state = filter?.lazyLoadMembers === true ? await this.#sendersOf(page.events) : [];
    const end = page.next === undefined || !isBackwards ? page.next : page.next - 1;
    return { events: page.events, start: from, end, state };
  }

  /** Specification: `GET /rooms/{roomId}/event/{eventId}`. Throws M_NOT_FOUND for what may not be seen, too. */
  async event(roomId: string, eventId: string, userId: string): Promise<RoomEvent> {
    return seenEvent(this.#parts, { roomId, eventId }, (event) => this.#shownTo(userId, [event]));
  }

  /** The first of these events that the user may see. */
  async firstSeen(room: RoomRecord, eventIds: readonly string[], userId: string): Promise<RoomEvent | undefined> {
    const events = await this.#parts.events.byIds(eventIds);
    const inRoom = eventIds
      .flatMap((eventId) => events.get(eventId) ?? [])
      .filter((event) => event.room.nid === room.nid);
    const current = this.#parts.storage.stream.current();
    return (await this.#shownTo(userId, inRoom)).find((event) => hasSeen(current, placeOf(event)));
  }

  /** Specification: `GET /events/{eventId}`. Throws M_NOT_FOUND for what may not be seen, too. */
  async eventAnywhere(eventId: string, userId: string): Promise<RoomEvent> {
    const event = (await this.#parts.events.byIds([eventId])).get(eventId);
    return this.event(event?.room.roomId ?? '', eventId, userId);
  }

  /** Specification: `GET /rooms/{roomId}/context/{eventId}`. The event must be one that `event` gave. */
  async context(
    access: RoomAccess,
    event: RoomEvent,
    { limit, filter }: { limit: number; filter: HistoryFilter | undefined },
  ): Promise<EventContext> {
    const capped = Math.min(limit, MAX_EVENTS_PER_PAGE);
    const limitBefore = Math.floor(capped / 2);
    const limits = { before: limitBefore, after: capped - limitBefore };
    const surroundings = await this.surroundings(access, event, { limits, filter, withOlder: true });
    const { before, after } = surroundings;
    const last = after.at(-1) ?? event;
    const given = [...before, event, ...after];
    return { event, ...surroundings, state: await this.#stateAfter(last, given, filter) };
  }

  /** What stands around an event that the user may see; `withOlder`: also what only other servers have. */
  async surroundings(
    access: RoomAccess,
    event: RoomEvent,
    { limits, filter, withOlder }: SurroundingsQuery,
  ): Promise<Surroundings> {
    const index = placeOf(event).roomIndex;
    const stretch = { room: access.room, filter };
    const newest = await this.#newestIndex(access);
    const backwards = {
      ...stretch,
      after: Number.MIN_SAFE_INTEGER,
      before: index,
      limit: Math.min(limits.before, MAX_EVENTS_PER_PAGE),
      direction: 'backwards',
    } as const;
    const [before, after] = await Promise.all([
      withOlder ? this.#eventsBefore(access, backwards) : this.#shownPage(access, backwards),
      this.#shownPage(access, {
        ...stretch,
        after: index,
        before: newest + 1,
        limit: Math.min(limits.after, MAX_EVENTS_PER_PAGE),
        direction: 'forwards',
      }),
    ]);
    const start = placeOf(before.at(-1) ?? event).roomIndex - 1;
    return { before, after, start, end: placeOf(after.at(-1) ?? event).roomIndex };
  }

  /** The member events of the senders of these, as they were when the first of them was sent. */
  async profiles(events: readonly RoomEvent[]): Promise<RoomEvent[]> {
    const snapshotNid = events[0]?.roomStateBefore ?? events[0]?.stateBefore;
    if (snapshotNid === undefined) return [];
    const senders = [...new Set(events.map(({ pdu }) => pdu.sender))];
    const nids = await this.#parts.history.slotsAt(snapshotNid, 'm.room.member', senders);
    return [...(await this.#parts.events.byNids(nids)).values()];
  }

  /** The newest event there is for this user: what is not published yet is not shown. */
  async #newestIndex({ room, parting }: RoomAccess): Promise<number> {
    const published = await this.#parts.timeline.roomIndexAt(room, this.#parts.storage.stream.current());
    return Math.min(published, parting?.place?.roomIndex ?? published);
  }

  async #shownPage(access: RoomAccess, query: TimelineQuery): Promise<RoomEvent[]> {
    if (query.limit < 1) return [];
    const page = await this.#parts.timeline.page(query);
    return this.#shownTo(access.userId, page.events);
  }

  /** Goes over what the user may not see, for a while. */
  async #visiblePage(access: RoomAccess, query: TimelineQuery): Promise<VisiblePage> {
    let rest = query;
    for (let pages = 1; ; pages += 1) {
      const page = await this.#parts.timeline.page(rest);
      const shown = await this.#shownTo(access.userId, page.events);
      const events = shown.slice(0, query.limit);
      if (shown.length > query.limit) return { events, next: placeOf(events.at(-1)).roomIndex };
      if (events.length > 0 || page.next === undefined || pages >= MAX_UNSEEN_PAGES) {
        return { events, next: page.next };
      }
      const limit = Math.max(query.limit, MIN_PAGE_AFTER_UNSEEN);
      const isBackwards = query.direction === 'backwards';
      rest = isBackwards ? { ...rest, limit, before: page.next } : { ...rest, limit, after: page.next };
    }
  }

  async #eventsBefore(access: RoomAccess, query: TimelineQuery): Promise<readonly RoomEvent[]> {
    return query.limit < 1 ? [] : (await this.#pageWithOlder(access, query)).events;
  }

  /**
   * Goes on to what only other servers have, for who is in the room, where what is here ends, or has a gap, before the
   * page is full.
   */
  async #pageWithOlder(access: RoomAccess, query: TimelineQuery): Promise<VisiblePage> {
    const { older } = this.#parts;
    const { room, joined } = access;
    for (let pages = 0; ; pages++) {
      const page = await this.#visiblePage(access, query);
      const open = joined === undefined ? undefined : await this.#openPlace(room, page, query);
      if (open === undefined) return page;
      if (open.newer < query.limit && pages < MAX_OLDER_PAGES) {
        if (await older.bring(room, open.after)) continue;
        // Nobody has it just now. What is older still is better than nothing.
        if (open.after !== Number.MIN_SAFE_INTEGER) return page;
      }
      // There is more, and the client may come back for it.
      return { events: page.events.slice(0, open.newer), next: await this.#firstIndexAfter(open.after, query) };
    }
  }

  /** Where a page ends, or has a gap, and something is missing. */
  async #openPlace(room: RoomRecord, page: VisiblePage, query: TimelineQuery): Promise<TimelineGap | undefined> {
    const gaps = gapsIn(page.events, query.before);
    if (page.next === undefined) gaps.push({ after: Number.MIN_SAFE_INTEGER, newer: page.events.length });
    for (const gap of gaps) if (await this.#parts.older.hasMore(room, gap.after)) return gap;
    return undefined;
  }

  async #firstIndexAfter(after: number, query: TimelineQuery): Promise<number> {
    const [first] = await this.#parts.events.forwards({ ...query, after, limit: 1 });
    return first === undefined ? query.before : placeOf(first).roomIndex;
  }

  /** What may be seen, less what users whom this one ignores have said. Specification: "Ignoring Users". */
  async #shownTo(userId: string, events: readonly RoomEvent[]): Promise<RoomEvent[]> {
    const room = events[0]?.room;
    if (room === undefined) return [];
    const ignored = await this.#parts.accountData.ignoredUsers(userId);
    const candidates = events.filter(({ pdu }) => pdu.stateKey !== undefined || !ignored.has(pdu.sender));
    return this.#parts.sight.visibleTo(userId, room, candidates);
  }

  /** The member events of who sent these, as they were when the first of them was sent, less those among them. */
  async #sendersOf(events: readonly RoomEvent[]): Promise<RoomEvent[]> {
    const given = new Set(events.map(({ nid }) => nid));
    return (await this.profiles(events)).filter(({ nid }) => !given.has(nid));
  }

  async #stateAfter(
    last: RoomEvent,
    given: readonly RoomEvent[],
    filter: HistoryFilter | undefined,
  ): Promise<RoomEvent[]> {
    const snapshot = await this.#parts.state.snapshotAfter(last);
    const slots = filter?.lazyLoadMembers === true ? await this.#parts.state.slots([...snapshot.keys()]) : undefined;
    const senders = new Set(given.map(({ pdu }) => pdu.sender));
    const nids: number[] = [];
    for (const [slotNid, eventNid] of snapshot) {
      const slot = slots?.get(slotNid);
      if (slot?.type !== 'm.room.member' || senders.has(slot.stateKey)) nids.push(eventNid);
    }
    const state = [...(await this.#parts.events.byNids(nids)).values()];
    return filter === undefined ? state : state.filter(({ pdu }) => eventFilterMatches(filter, pdu));
  }
}
