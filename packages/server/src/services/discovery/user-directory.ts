import { localpartOf } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { contentOf } from '@limpet/protocol/pdu';
import { createCache } from '../../cache/create-cache.ts';
import type { Timers } from '../../platform/timers.ts';
import { selectListedRooms } from '../../storage/queries/rooms.ts';
import { selectDirectoryUsers, selectOthersInRoom } from '../../storage/queries/user-directory.ts';
import type { Storage } from '../../storage/storage.ts';
import { inTurns } from '../rooms/breathe.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import type { DirectoryIndex, FoundUsers } from './directory-index.ts';
import { fold, termWords } from './directory-words.ts';

/** People in one answer, where the client does not say, and at most. */
const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 50;
/** Words that are looked up until one finds no more users than can be looked at. */
const MAX_LOOKED_UP = 3;
/** Users of other servers that one search looks at: those in the user's own rooms first. */
const MAX_OTHERS = 5_000;
/** Published rooms whose members are looked at. */
const MAX_PUBLIC_ROOMS = 50;
/** Users of other servers whose names are kept in memory, at some 200 bytes each. */
const MAX_CACHED_NAMES = 50_000;

interface UserDirectoryParts {
  readonly storage: Storage;
  readonly timers: Timers;
  readonly serverName: string;
  readonly events: EventStore;
  readonly memberships: MembershipReader;
  readonly index: DirectoryIndex;
}

interface Person {
  readonly userId: string;
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
}

export interface FoundPeople {
  readonly results: JsonObject[];
  readonly limited: boolean;
}

/**
 * Finds people by name or ID: the users of this server, and those of others who share a room with the searcher or are
 * in a published room. However many users this server has, some hundred are looked at, those first whose names begin
 * with what is looked for. Specification: client-server API, "User directory".
 */
export class UserDirectory {
  readonly #parts: UserDirectoryParts;
  /** Of users of other servers, by the number of the member event that has it. */
  readonly #people = createCache<number, Person>(MAX_CACHED_NAMES);

  constructor(parts: UserDirectoryParts) {
    this.#parts = parts;
    parts.storage.stream.follow((changes) => {
      for (const change of changes) {
        // What was redacted is called so no longer. Which event that was is not told here.
        if (change.kind === 'event' && change.type === 'm.room.redaction') this.#people.clear();
      }
    });
  }

  async search(userId: string, term: string, limit = DEFAULT_LIMIT): Promise<FoundPeople> {
    const words = termWords(term);
    const wanted = Math.min(limit, MAX_LIMIT);
    if (words.length === 0) return { results: [], limited: false };
    const own = await this.#own(words);
    const found = [...own.people, ...(await this.#others(userId, words))].filter((person) => person.userId !== userId);
    found.sort((left, right) => rankOf(left, words) - rankOf(right, words) || compareIds(left, right));
    return { results: found.slice(0, wanted).map(present), limited: own.isCut || found.length > wanted };
  }

  async #own(words: readonly string[]): Promise<{ people: Person[]; isCut: boolean }> {
    const { userIds, isCut } = await this.#candidates(words);
    const rows = await this.#parts.storage.read(selectDirectoryUsers, { userIds });
    const people = rows.map((row) => ({
      userId: row.user_id,
      displayName: textIn(row.name_json),
      avatarUrl: textIn(row.avatar_json),
    }));
    return { people: people.filter((person) => matches(person, words)), isCut };
  }

  /** Who has one of the words, the one that says most; and who is called exactly so. */
  async #candidates(words: readonly string[]): Promise<FoundUsers> {
    const { index, serverName } = this.#parts;
    await index.catchUp();
    let found: FoundUsers = { userIds: [], isCut: false };
    for (const word of lookUpOrder(words, serverName)) {
      const next = await index.find(word);
      // Who does not have such a word in his name has it in his ID, and is a match all the same.
      const isInAllIds = serverName.includes(word);
      found = isInAllIds ? { userIds: [...found.userIds, ...next.userIds], isCut: found.isCut || next.isCut } : next;
      if (!found.isCut) break;
    }
    const [first = ''] = words;
    return { ...found, userIds: [...found.userIds, first, `@${first}:${serverName}`] };
  }

  /** By the member events of rooms that the user may know of: what else they are called elsewhere is not his to see. */
  async #others(userId: string, words: readonly string[]): Promise<Person[]> {
    const { storage, timers, serverName } = this.#parts;
    const joined = (await this.#parts.memberships.ofUser(userId)).filter(({ membership }) => membership === 'join');
    const listed = await storage.read(selectListedRooms, { limit: MAX_PUBLIC_ROOMS });
    const roomNids = [...joined.map(({ roomNid }) => roomNid), ...listed.map((row) => row.room_nid)];
    const eventNids = new Map<string, number>();
    for (const roomNid of new Set(roomNids)) {
      if (eventNids.size >= MAX_OTHERS) break;
      const query = { roomNid, ownEnding: `%:${serverName}`, limit: MAX_OTHERS };
      for (const row of await storage.read(selectOthersInRoom, query)) eventNids.set(row.user_id, row.event_nid);
    }
    const people = await inTurns(timers, [...eventNids.values()].slice(0, MAX_OTHERS), (part) => this.#read(part));
    return people.filter((person) => matches(person, words));
  }

  async #read(eventNids: readonly number[]): Promise<Person[]> {
    const known = eventNids.flatMap((nid) => this.#people.get(nid) ?? []);
    const missing = eventNids.filter((nid) => !this.#people.has(nid));
    for (const [nid, { pdu }] of await this.#parts.events.byNids(missing)) {
      const person = {
        userId: pdu.stateKey ?? '',
        displayName: nonEmpty(contentOf(pdu, 'displayname')),
        avatarUrl: nonEmpty(contentOf(pdu, 'avatar_url')),
      };
      this.#people.set(nid, person);
      known.push(person);
    }
    return known;
  }
}

/** What stands in words of the directory, longest first; words that are in the ID of everybody come last. */
function lookUpOrder(words: readonly string[], serverName: string): string[] {
  const beginnings = words.map((word) => word.replace(/^@/, '').replace(/:.*$/, '')).filter((word) => word !== '');
  const says = (word: string) => (serverName.includes(word) ? 0 : word.length);
  return beginnings.toSorted((left, right) => says(right) - says(left)).slice(0, MAX_LOOKED_UP);
}

/** Every word stands somewhere in the ID or the name. */
function matches(person: Person, words: readonly string[]): boolean {
  const text = `${person.userId.toLowerCase()} ${fold(person.displayName ?? '')}`;
  return words.every((word) => text.includes(word));
}

/** Whole names and IDs before beginnings, those before what has it in the middle; then who has a profile. */
function rankOf({ userId, displayName, avatarUrl }: Person, words: readonly string[]): number {
  const term = words.join(' ');
  const names = [userId.toLowerCase(), localpartOf(userId).toLowerCase(), fold(displayName ?? '')];
  const isWhole = names.includes(term);
  const isBeginning = names.some((name) => name.startsWith(term) || name.startsWith(`@${term}`));
  const hasProfile = displayName !== undefined || avatarUrl !== undefined;
  return (isWhole ? 0 : isBeginning ? 2 : 4) + (hasProfile ? 0 : 1);
}

function compareIds(left: Person, right: Person): number {
  return left.userId < right.userId ? -1 : 1;
}

function present({ userId, displayName, avatarUrl }: Person): JsonObject {
  const result: JsonObject = { user_id: userId };
  if (displayName !== undefined) result.display_name = displayName;
  if (avatarUrl !== undefined) result.avatar_url = avatarUrl;
  return result;
}

function textIn(json: string | null): string | undefined {
  return json === null ? undefined : nonEmpty(JSON.parse(json));
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
