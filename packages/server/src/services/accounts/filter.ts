import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { FilterFields } from './filter-fields.ts';

/** Largest filter as JSON, in characters. */
const MAX_FILTER_LENGTH = 65_536;
/** A filter has four levels; the rest is for what extensions bring. */
const MAX_FILTER_DEPTH = 16;

/**
 * What a client wants to see, parsed, checked and frozen; what it left out stands as the default.
 * Specification: client-server API, "Filtering".
 */
export interface Filter {
  /** Paths of properties to keep, each split at its dots; `undefined` keeps all. */
  readonly eventFields: readonly (readonly string[])[] | undefined;
  readonly eventFormat: 'client' | 'federation';
  readonly presence: SectionFilter;
  /** Global account data. */
  readonly accountData: SectionFilter;
  readonly room: RoomFilter;
}

/** The specification's `EventFilter`. Types are patterns for `eventTypeMatches`; `undefined` means any. */
export interface SectionFilter {
  /** Most events in the section, 0 or more; `undefined` where the client does not mind. */
  readonly limit: number | undefined;
  readonly types: readonly string[] | undefined;
  readonly notTypes: readonly string[];
  readonly senders: readonly string[] | undefined;
  readonly notSenders: readonly string[];
}

/** The specification's `RoomEventFilter`. It is an `EventFilter` of the rooms service too. */
export interface RoomEventFilter extends SectionFilter {
  readonly rooms: ReadonlySet<string> | undefined;
  readonly notRooms: ReadonlySet<string>;
  readonly containsUrl: boolean | undefined;
  readonly lazyLoadMembers: boolean;
  readonly includeRedundantMembers: boolean;
  readonly unreadThreadNotifications: boolean;
  readonly relatedBySenders: readonly string[] | undefined;
  readonly relatedByRelTypes: readonly string[] | undefined;
}

export interface RoomFilter {
  readonly rooms: ReadonlySet<string> | undefined;
  readonly notRooms: ReadonlySet<string>;
  readonly includeLeave: boolean;
  readonly timeline: RoomEventFilter;
  readonly state: RoomEventFilter;
  readonly ephemeral: RoomEventFilter;
  readonly accountData: RoomEventFilter;
}

/** The filter of a client that gave none. */
export const NO_FILTER: Filter = parseFilter({});

/**
 * Throws M_BAD_JSON that names what is wrong. What it does not know it leaves alone: extensions put more into
 * filters.
 */
export function parseFilter(json: JsonValue): Filter {
  checkSize(json);
  const fields = new FilterFields(json, '');
  return Object.freeze({
    eventFields: fields.strings('event_fields')?.map(splitPath),
    eventFormat: fields.oneOf('event_format', ['client', 'federation']) ?? 'client',
    presence: sectionFilter(fields.inside('presence')),
    accountData: sectionFilter(fields.inside('account_data')),
    room: roomFilter(fields.inside('room')),
  });
}

/** A `RoomEventFilter` by itself, as `/messages` and `/context` take it. Throws M_BAD_JSON that names what is wrong. */
export function parseRoomEventFilter(json: JsonValue): RoomEventFilter {
  checkSize(json);
  return roomEventFilter(new FilterFields(json, ''));
}

/** Whether a room is one that the filter wants to see anything of. */
export function includesRoom(filter: Pick<RoomFilter, 'rooms' | 'notRooms'>, roomId: string): boolean {
  return !filter.notRooms.has(roomId) && filter.rooms?.has(roomId) !== false;
}

function roomFilter(fields: FilterFields): RoomFilter {
  return Object.freeze({
    ...roomSets(fields),
    includeLeave: fields.flag('include_leave') ?? false,
    timeline: roomEventFilter(fields.inside('timeline')),
    state: roomEventFilter(fields.inside('state')),
    ephemeral: roomEventFilter(fields.inside('ephemeral')),
    accountData: roomEventFilter(fields.inside('account_data')),
  });
}

function roomEventFilter(fields: FilterFields): RoomEventFilter {
  return Object.freeze({
    ...sectionFilter(fields),
    ...roomSets(fields),
    containsUrl: fields.flag('contains_url'),
    lazyLoadMembers: fields.flag('lazy_load_members') ?? false,
    includeRedundantMembers: fields.flag('include_redundant_members') ?? false,
    unreadThreadNotifications: fields.flag('unread_thread_notifications') ?? false,
    // The second name is that of MSC3440 before it was accepted.
    relatedBySenders: fields.userIds('related_by_senders') ?? fields.userIds('io.element.relation_senders'),
    relatedByRelTypes: fields.strings('related_by_rel_types') ?? fields.strings('io.element.relation_types'),
  });
}

function sectionFilter(fields: FilterFields): SectionFilter {
  return Object.freeze({
    limit: fields.limit('limit'),
    types: fields.strings('types'),
    notTypes: fields.strings('not_types') ?? [],
    senders: fields.userIds('senders'),
    notSenders: fields.userIds('not_senders') ?? [],
  });
}

function roomSets(fields: FilterFields): Pick<RoomFilter, 'rooms' | 'notRooms'> {
  const rooms = fields.roomIds('rooms');
  return { rooms: rooms && new Set(rooms), notRooms: new Set(fields.roomIds('not_rooms') ?? []) };
}

/** Depth first: writing JSON that is nested deep enough to matter would overflow the stack. */
function checkSize(json: JsonValue): void {
  if (!isJsonObject(json)) throw new MatrixError('M_BAD_JSON', 'A filter must be a JSON object.');
  if (isDeeperThan(json, MAX_FILTER_DEPTH)) {
    throw new MatrixError('M_BAD_JSON', `A filter may nest ${MAX_FILTER_DEPTH} levels deep at most.`);
  }
  if (JSON.stringify(json).length > MAX_FILTER_LENGTH) {
    throw new MatrixError('M_BAD_JSON', `A filter may have ${MAX_FILTER_LENGTH} characters at most.`);
  }
}

function isDeeperThan(value: JsonObject | JsonValue[], levels: number): boolean {
  if (levels === 0) return true;
  return Object.values(value).some(
    (inner) => (isJsonObject(inner) || Array.isArray(inner)) && isDeeperThan(inner, levels - 1),
  );
}

/**
 * `a.b\.c` → `['a', 'b.c']`: a backslash takes the dot or the backslash after it as it is.
 * Specification: appendices, "Dot-separated property paths".
 */
function splitPath(path: string): readonly string[] {
  const names: string[] = [];
  let name = '';
  for (let index = 0; index < path.length; index++) {
    const character = path.charAt(index);
    const next = path.charAt(index + 1);
    if (character === '\\' && (next === '.' || next === '\\')) {
      name += next;
      index++;
    } else if (character === '.') {
      names.push(name);
      name = '';
    } else {
      name += character;
    }
  }
  return [...names, name];
}
