import type { Timers } from '../../platform/timers.ts';
import { selectEncryptedRooms, selectFoundEvents, selectRelatedAmong } from '../../storage/queries/search.ts';
import type { Storage } from '../../storage/storage.ts';
import type { SearchWord } from '../../storage/storage-adapter.ts';
import type { AccountDataReader } from '../accounts/account-data-reader.ts';
import type { RoomEventFilter } from '../accounts/filter.ts';
import { inTurns } from '../rooms/breathe.ts';
import { eventFilterMatches } from '../rooms/event-filter-matches.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import type { RoomReader } from '../rooms/room-reader.ts';
import { type Ranked, rankText } from './rank-text.ts';
import type { SearchIndex } from './search-index.ts';
import type { SearchGroup, SearchPlace } from './search-place.ts';
import { type SearchedRoomsParts, searchedRooms } from './searched-rooms.ts';
import { type SearchKey, searchedText } from './searched-text.ts';
import { roomWord, wordsIn } from './words-in.ts';

/** Events that are looked at together, and put in order among themselves; windows that one request looks through. */
const USUAL_WINDOWS = { events: 500, most: 5 };
/** Most results of one page. */
const MAX_LIMIT = 100;
/** Different words of one search; those after them are not looked for. */
const MAX_WORDS = 16;
/** From so many characters on, a word stands for all words that begin with it. */
const MIN_BEGINNING_LENGTH = 3;
/** Events that are ranked before other requests get their turn: a long text takes milliseconds. */
const RANKED_PER_TURN = 10;
/** Rooms that one query names. */
const ROOMS_PER_QUERY = 500;

export interface SearchParts extends SearchedRoomsParts {
  readonly storage: Storage;
  readonly timers: Timers;
  readonly rooms: RoomReader;
  readonly accountData: AccountDataReader;
  readonly index: Pick<SearchIndex, 'catchUp'>;
}

export interface SearchRequest {
  readonly term: string;
  /** `undefined` for all. */
  readonly keys: readonly SearchKey[] | undefined;
  readonly filter: RoomEventFilter;
  readonly orderBy: 'rank' | 'recent';
  readonly limit: number;
  readonly place: SearchPlace | undefined;
}

export interface SearchHit {
  readonly event: RoomEvent;
  readonly rank: number;
}

export interface SearchResults {
  readonly hits: readonly SearchHit[];
  /** Of all hits among the events looked at so far. */
  readonly count: number;
  readonly highlights: readonly string[];
  /** Where the next page begins; `undefined` when there is nothing more. */
  readonly next: SearchPlace | undefined;
  /** The same for the results of one group alone. */
  nextOf(group: SearchGroup): SearchPlace | undefined;
}

interface Found extends SearchHit {
  readonly words: Ranked['words'];
}

/** All that a search asks for, in the words of the index. */
interface Query {
  readonly userId: string;
  readonly words: readonly SearchWord[];
  readonly texts: readonly string[];
  readonly request: SearchRequest;
  readonly ignored: ReadonlySet<string>;
}

/** Events with numbers below a place, as many as are looked at together. */
interface SearchWindow {
  readonly found: readonly Found[];
  /** Where the next one begins; `undefined` when this is the last. */
  readonly next: number | undefined;
}

/**
 * Searches the events that a user may see. Of all that have the words, the newest are looked at first, a window at a
 * time; within a window they are given by rank or by age. So a search costs the same however much there is to find.
 * Specification: client-server API, "Server Side Search".
 */
export class Search {
  readonly #parts: SearchParts;
  readonly #windows: typeof USUAL_WINDOWS;

  constructor(parts: SearchParts, windows = USUAL_WINDOWS) {
    this.#parts = parts;
    this.#windows = windows;
  }

  async find(userId: string, request: SearchRequest): Promise<SearchResults> {
    const { storage, index, accountData } = this.#parts;
    await index.catchUp();
    const newest = Math.max(...storage.stream.current().values());
    const first = request.place ?? { before: newest + 1, given: 0, foundBefore: 0, group: undefined };
    const words = wordsOf(request.term);
    const rooms = words.length === 0 ? [] : await searchedRooms(userId, request.filter, this.#parts);
    const texts = queriesFor(rooms, words, storage);
    const ignored = await accountData.ignoredUsers(userId);
    return this.#collect({ userId, words, texts, request, ignored }, first);
  }

  /** Goes from window to window until the page is full. */
  async #collect(query: Query, first: SearchPlace): Promise<SearchResults> {
    const limit = Math.min(query.request.limit, MAX_LIMIT);
    const hits: Found[] = [];
    let { before, given, foundBefore } = first;
    for (let windows = 1; ; windows++) {
      const { found, next } = await this.#window(query, before, first.group);
      const taken = found.slice(given, given + limit - hits.length);
      hits.push(...taken);
      given += taken.length;
      if (given < found.length) {
        const place = { before, given, foundBefore };
        return results(hits, { count: foundBefore + found.length, place, first, passed: found.slice(0, given) });
      }
      foundBefore += found.length;
      if (next === undefined) return results(hits, { count: foundBefore, place: undefined, first, passed: [] });
      before = next;
      given = 0;
      if (hits.length >= limit || windows >= this.#windows.most) {
        return results(hits, { count: foundBefore, place: { before, given, foundBefore }, first, passed: [] });
      }
    }
  }

  async #window(query: Query, before: number, group: SearchGroup | undefined): Promise<SearchWindow> {
    const { storage, events } = this.#parts;
    const nids: number[] = [];
    for (const text of query.texts) {
      const rows = await storage.read(selectFoundEvents, { query: text, before, limit: this.#windows.events });
      nids.push(...rows.map((row) => row.event_nid));
    }
    const looked = nids.sort((left, right) => right - left).slice(0, this.#windows.events);
    const there = [...(await events.byNids(looked)).values()].filter((event) => isWanted(event, query, group));
    const found = await this.#ranked(await this.#shown(await this.#related(there, query), query), query);
    const byAge = (left: Found, right: Found) =>
      right.event.pdu.originServerTs - left.event.pdu.originServerTs || right.event.nid - left.event.nid;
    const byRank = (left: Found, right: Found) => right.rank - left.rank || byAge(left, right);
    const isFull = looked.length === this.#windows.events;
    return {
      found: found.sort(query.request.orderBy === 'recent' ? byAge : byRank),
      next: isFull ? looked.at(-1) : undefined,
    };
  }

  /**
   * What the user may see, in rooms that are not encrypted. What an erased user said has no text for who came later:
   * that it was found would tell its words.
   */
  async #shown(events: readonly RoomEvent[], { userId }: Query): Promise<RoomEvent[]> {
    if (events.length === 0) return [];
    const rooms = Map.groupBy(events, ({ room }) => room);
    const roomNids = [...rooms.keys()].map((room) => room.nid);
    const rows = await this.#parts.storage.read(selectEncryptedRooms, { roomNids });
    const encrypted = new Set(rows.map((row) => row.room_nid));
    const shown: RoomEvent[] = [];
    for (const [room, inRoom] of rooms) {
      if (!encrypted.has(room.nid)) shown.push(...(await this.#parts.rooms.visibleTo(userId, room, inRoom)));
    }
    return shown.filter(({ pdu }) => searchedText(pdu) !== undefined);
  }

  async #ranked(events: readonly RoomEvent[], { words }: Query): Promise<Found[]> {
    const rank = async (part: readonly RoomEvent[]) =>
      part.map((event) => ({ event, ...rankText(searchedText(event.pdu)?.text ?? '', words) }));
    return [...(await inTurns(this.#parts.timers, events, rank, RANKED_PER_TURN))];
  }

  /** Those to which others relate as the filter asks. */
  async #related(events: readonly RoomEvent[], { request }: Query): Promise<readonly RoomEvent[]> {
    const { relatedBySenders: senders, relatedByRelTypes: relTypes } = request.filter;
    if ((senders === undefined && relTypes === undefined) || events.length === 0) return events;
    const rows = await this.#parts.storage.read(selectRelatedAmong, {
      eventNids: events.map(({ nid }) => nid),
      senders: senders ?? [],
      anySender: Number(senders === undefined),
      relTypes: relTypes?.filter((text) => text.isWellFormed()) ?? [],
      anyRelType: Number(relTypes === undefined),
    });
    const related = new Set(rows.map((row) => row.event_nid));
    return events.filter(({ nid }) => related.has(nid));
  }
}

/** Each different word once, the first of them. */
function wordsOf(term: string): SearchWord[] {
  const texts = [...new Set(wordsIn(term))].slice(0, MAX_WORDS);
  return texts.map((text) => ({ text, isBeginning: text.length >= MIN_BEGINNING_LENGTH }));
}

function queriesFor(roomNids: readonly number[], words: readonly SearchWord[], storage: Storage): string[] {
  const queries: string[] = [];
  for (let start = 0; start < roomNids.length; start += ROOMS_PER_QUERY) {
    const anyOf = roomNids.slice(start, start + ROOMS_PER_QUERY).map(roomWord);
    queries.push(storage.searchQuery({ anyOf, words }));
  }
  return queries;
}

/** What can be decided by the event itself. */
function isWanted({ pdu, room }: RoomEvent, { request, ignored, userId }: Query, group: SearchGroup | undefined) {
  const key = searchedText(pdu)?.key;
  if (key === undefined || request.keys?.includes(key) === false) return false;
  if (ignored.has(pdu.sender) && pdu.sender !== userId && pdu.stateKey === undefined) return false;
  if (group !== undefined && groupValue(group.key, { pdu, room }) !== group.value) return false;
  return eventFilterMatches(request.filter, pdu);
}

export function groupValue(key: SearchGroup['key'], { pdu, room }: Pick<RoomEvent, 'pdu' | 'room'>): string {
  return key === 'sender' ? pdu.sender : room.roomId;
}

interface ResultsEnd {
  readonly count: number;
  readonly place: Omit<SearchPlace, 'group'> | undefined;
  readonly first: SearchPlace;
  /** What of the window at that place was given already. */
  readonly passed: readonly Found[];
}

function results(hits: readonly Found[], { count, place, first, passed }: ResultsEnd): SearchResults {
  return {
    hits,
    count,
    highlights: [...new Set(hits.flatMap(({ words }) => [...words]))],
    next: place && { ...place, group: first.group },
    nextOf(group) {
      const isAnother =
        first.group !== undefined && (first.group.key !== group.key || first.group.value !== group.value);
      if (place === undefined || isAnother) return undefined;
      const given = passed.filter(({ event }) => groupValue(group.key, event) === group.value).length;
      return { ...place, given, group };
    },
  };
}
