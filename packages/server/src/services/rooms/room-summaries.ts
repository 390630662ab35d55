import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { contentOf, type Pdu, stateEvent, stateMapKey } from '@limpet/protocol/pdu';
import { createCache } from '../../cache/create-cache.ts';
import type { Storage } from '../../storage/storage.ts';
import { historyVisibilityOf } from './history-visibility.ts';
import type { MembershipReader } from './membership-reader.ts';
import { allowedRoomIds } from './restricted-joins.ts';
import type { RoomRecord } from './room-event.ts';
import type { RoomStateReader } from './room-state.ts';
import type { UsersOfServers } from './users-of-servers.ts';

/** Rooms whose summary is kept in memory, at some 500 bytes each. */
const MAX_CACHED_SUMMARIES = 10_000;

/** What the directory and spaces tell of a room to those who are not in it. */
export interface RoomSummary {
  readonly room: RoomRecord;
  readonly name: string | undefined;
  readonly topic: string | undefined;
  readonly canonicalAlias: string | undefined;
  readonly avatarUrl: string | undefined;
  readonly joinRule: string;
  readonly roomType: string | undefined;
  /** The algorithm, where the room is encrypted. */
  readonly encryption: string | undefined;
  readonly isWorldReadable: boolean;
  readonly guestsMayJoin: boolean;
  /** False where users of other servers than its creator's may not take part. */
  readonly isFederated: boolean;
  /** Rooms whose members may join, where the join rule says so. */
  readonly allowedRoomIds: readonly string[];
  /** Whether somebody of this server is in it: else all this may be out of date. */
  readonly isResident: boolean;
}

const SUMMARY_TYPES = [
  'm.room.create',
  'm.room.name',
  'm.room.topic',
  'm.room.canonical_alias',
  'm.room.avatar',
  'm.room.join_rules',
  'm.room.history_visibility',
  'm.room.guest_access',
  'm.room.encryption',
];

interface RoomSummariesParts {
  readonly storage: Storage;
  readonly serverName: string;
  readonly state: RoomStateReader;
  readonly memberships: MembershipReader;
  readonly usersOfServers: UsersOfServers;
}

/** Reads summaries of rooms, and keeps them until something happens in the room. */
export class RoomSummaries {
  readonly #parts: RoomSummariesParts;
  readonly #summaries = createCache<string, RoomSummary>(MAX_CACHED_SUMMARIES);
  /** Counts what happened: a summary that was read meanwhile may be out of date, and is not kept. */
  #news = 0;

  constructor(parts: RoomSummariesParts) {
    this.#parts = parts;
    parts.storage.stream.follow((changes) => {
      for (const change of changes) {
        if (change.kind !== 'event') continue;
        this.#summaries.delete(change.roomId);
        this.#news++;
      }
    });
  }

  async of(room: RoomRecord): Promise<RoomSummary> {
    const known = this.#summaries.get(room.roomId);
    if (known !== undefined) return known;
    const news = this.#news;
    const [events, isResident] = await Promise.all([
      this.#parts.state.currentOfTypes(room, SUMMARY_TYPES),
      this.isResident(room),
    ]);
    const state = new Map<string, Pdu>();
    for (const { pdu } of events) state.set(stateMapKey(pdu.type, pdu.stateKey ?? ''), pdu);
    const summary = { ...summarize(room, state), isResident };
    if (news === this.#news) this.#summaries.set(room.roomId, summary);
    return summary;
  }

  /** Whether somebody of this server is joined to the room. */
  isResident(room: RoomRecord): Promise<boolean> {
    return this.#parts.usersOfServers.isAnyJoined(room, this.#parts.serverName);
  }

  /**
   * The summary with what only previews and spaces tell.
   * Specification: client-server API, `GET /room_summary/{roomIdOrAlias}`; server-server API, "Spaces".
   */
  async presentWhole(summary: RoomSummary): Promise<JsonObject> {
    const { joined } = await this.#parts.memberships.counts(summary.room);
    const { allowedRoomIds, encryption, room } = summary;
    const whole: JsonObject = { ...presentSummary(summary, joined), room_version: room.version.id };
    if (allowedRoomIds.length > 0) whole.allowed_room_ids = [...allowedRoomIds];
    if (encryption !== undefined) whole.encryption = encryption;
    return whole;
  }
}

/** What anybody may join, or ask to. */
const OPEN_JOIN_RULES: ReadonlySet<string> = new Set(['public', 'knock', 'knock_restricted']);

/** Whether anybody may know of the room: may read it, join it or ask to. */
export function isOpen({ isWorldReadable, joinRule }: Pick<RoomSummary, 'isWorldReadable' | 'joinRule'>): boolean {
  return isWorldReadable || OPEN_JOIN_RULES.has(joinRule);
}

/** A `PublishedRoomsChunk`. Specification: client-server API, "Published room directory". */
export function presentSummary(summary: RoomSummary, joinedCount: number): JsonObject {
  const chunk: JsonObject = {
    room_id: summary.room.roomId,
    num_joined_members: joinedCount,
    world_readable: summary.isWorldReadable,
    guest_can_join: summary.guestsMayJoin,
    join_rule: summary.joinRule,
  };
  if (summary.name !== undefined) chunk.name = summary.name;
  if (summary.topic !== undefined) chunk.topic = summary.topic;
  if (summary.canonicalAlias !== undefined) chunk.canonical_alias = summary.canonicalAlias;
  if (summary.avatarUrl !== undefined) chunk.avatar_url = summary.avatarUrl;
  if (summary.roomType !== undefined) chunk.room_type = summary.roomType;
  return chunk;
}

function summarize(room: RoomRecord, state: ReadonlyMap<string, Pdu>): Omit<RoomSummary, 'isResident'> {
  const value = (type: string, key: string) => contentOf(stateEvent(state, type, ''), key);
  const joinRule = text(value('m.room.join_rules', 'join_rule')) ?? 'invite';
  const isByMembership = joinRule === 'restricted' || joinRule === 'knock_restricted';
  return {
    room,
    name: text(value('m.room.name', 'name')),
    topic: text(value('m.room.topic', 'topic')),
    canonicalAlias: text(value('m.room.canonical_alias', 'alias')),
    avatarUrl: text(value('m.room.avatar', 'url')),
    joinRule,
    roomType: text(value('m.room.create', 'type')),
    encryption: text(value('m.room.encryption', 'algorithm')),
    isWorldReadable: historyVisibilityOf(stateEvent(state, 'm.room.history_visibility', '')) === 'world_readable',
    guestsMayJoin: value('m.room.guest_access', 'guest_access') === 'can_join',
    isFederated: value('m.room.create', 'm.federate') !== false,
    allowedRoomIds: isByMembership ? allowedRoomIds(state) : [],
  };
}

function text(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
