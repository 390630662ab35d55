import {
  type BundleRow,
  selectBundles,
  selectReferences,
  selectThreadsUpTo,
  selectThreadsWithout,
} from '../../../storage/queries/relations.ts';
import type { Storage } from '../../../storage/storage.ts';
import type { AccountDataReader } from '../../accounts/account-data-reader.ts';
import { relationOf } from '../event-relation.ts';
import type { EventSight } from '../event-sight.ts';
import type { EventStore } from '../event-store.ts';
import type { MembershipReader } from '../membership-reader.ts';
import type { PartingEvents } from '../parting-events.ts';
import type { RoomEvent, RoomRecord } from '../room-event.ts';
import type { RelatedRooms } from './related-rooms.ts';

/** References that one event shows. */
const MAX_REFERENCES = 50;

/** What is bundled with one event for one viewer. */
export interface Bundle {
  /** The latest valid replacement. */
  readonly edit: RoomEvent | undefined;
  readonly thread: BundledThread | undefined;
  /** IDs of the first events that refer to it. */
  readonly references: readonly string[];
}

export interface BundledThread {
  readonly latest: RoomEvent;
  readonly count: number;
  /** The viewer sent the root, or an event of the thread. */
  readonly hasTakenPart: boolean;
}

export interface AggregationParts {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly memberships: MembershipReader;
  readonly partings: PartingEvents;
  readonly sight: EventSight;
  readonly accountData: AccountDataReader;
  readonly relatedRooms: RelatedRooms;
}

/** For whom something is bundled, in one room. */
interface Viewing {
  readonly room: RoomRecord;
  readonly userId: string;
  readonly ignored: ReadonlySet<string>;
  /** The `room_index` where the viewer left; nothing after it is looked at. */
  readonly upTo: number;
}

/** The nids of what is bundled, before the events themselves are there. */
interface Found {
  readonly editNid: number | undefined;
  readonly thread: { readonly latestNid: number; readonly count: number; readonly hasTakenPart: boolean } | undefined;
}

/**
 * Reads what is bundled with events: a read for all events of a room, and a few more where it finds something. Rooms
 * without relations are known, and cost nothing. Nothing is bundled with state events.
 * Specification: client-server API, "Aggregations of child events".
 */
export class BundledAggregations {
  readonly #parts: AggregationParts;

  constructor(parts: AggregationParts) {
    this.#parts = parts;
  }

  /** By the nids of these events, and of the last events of their threads, which have bundles of their own. */
  async of(events: readonly RoomEvent[], userId: string): Promise<Map<number, Bundle>> {
    const bundles = new Map<number, Bundle>();
    const rooms = new Map(events.map(({ room }) => [room.nid, room]));
    for (const room of rooms.values()) {
      if (!(await this.#parts.relatedRooms.hasAny(room))) continue;
      const viewing = await this.#viewing(room, userId);
      const ofRoom = await this.#ofRoom(events.filter(isParentIn(room)), viewing);
      const latest = [...ofRoom.values()].flatMap(({ thread }) => thread?.latest ?? []);
      for (const [nid, bundle] of await this.#ofRoom(latest.filter(isParentIn(room)), viewing)) {
        // A thread within a thread is none.
        bundles.set(nid, { ...bundle, thread: undefined });
      }
      for (const [nid, bundle] of ofRoom) bundles.set(nid, bundle);
    }
    return bundles;
  }

  async #viewing(room: RoomRecord, userId: string): Promise<Viewing> {
    const { memberships, partings, accountData } = this.#parts;
    const record = await memberships.of(room, userId);
    const isParted = record !== undefined && record.membership !== 'join';
    const parting = isParted ? await partings.of(record) : undefined;
    const ignored = await accountData.ignoredUsers(userId);
    return { room, userId, ignored, upTo: parting?.place?.roomIndex ?? Number.MAX_SAFE_INTEGER };
  }

  async #ofRoom(parents: readonly RoomEvent[], viewing: Viewing): Promise<Map<number, Bundle>> {
    const { storage } = this.#parts;
    const { room, userId, upTo } = viewing;
    if (parents.length === 0) return new Map();
    const eventIds = parents.map(({ pdu }) => pdu.eventId);
    const rows = await storage.read(selectBundles, { roomNid: room.nid, eventIds, userId, upTo });
    if (rows.length === 0) return new Map();
    const threads = await this.#threadsIn(rows, viewing);
    const references = await this.#referencesIn(rows, viewing);
    const found = new Map<RoomEvent, Found>();
    const byId = new Map(parents.map((parent) => [parent.pdu.eventId, parent]));
    for (const row of rows) {
      const parent = byId.get(row.event_id);
      if (parent === undefined) continue;
      const thread = threads.get(row.event_id);
      const hasTakenPart = row.has_taken_part === 1 || parent.pdu.sender === userId;
      const editNid = mayShowEdit(parent, viewing) ? (row.edit_nid ?? undefined) : undefined;
      found.set(parent, { editNid, thread: thread && { ...thread, hasTakenPart } });
    }
    return this.#bundle(found, references, viewing);
  }

  /** How many events each thread has for this viewer, and the last of them. */
  async #threadsIn(rows: readonly BundleRow[], viewing: Viewing) {
    const threads = new Map<string, { latestNid: number; count: number }>();
    const there = rows.filter((row) => row.thread_count > 0);
    for (const { event_id: eventId, latest_nid: latestNid, thread_count: count } of there) {
      if (latestNid !== null) threads.set(eventId, { latestNid, count });
    }
    const { storage } = this.#parts;
    const eventIds = there.map((row) => row.event_id);
    const query = { roomNid: viewing.room.nid, eventIds, ignored: [...viewing.ignored] };
    if (threads.size < there.length) {
      // Something of a thread came after the viewer had left.
      for (const row of await storage.read(selectThreadsUpTo, { ...query, upTo: viewing.upTo })) {
        set(threads, row.event_id, { latestNid: row.latest_nid, count: row.count });
      }
    } else if (there.length > 0 && viewing.ignored.size > 0) {
      for (const row of await storage.read(selectThreadsWithout, query)) {
        const all = threads.get(row.event_id)?.count ?? 0;
        set(threads, row.event_id, { latestNid: row.latest_nid, count: all - row.ignored_count });
      }
    }
    return threads;
  }

  async #referencesIn(rows: readonly BundleRow[], { room, ignored, upTo }: Viewing): Promise<Map<string, string[]>> {
    const references = new Map<string, string[]>();
    const eventIds = rows.filter((row) => row.has_reference === 1).map((row) => row.event_id);
    if (eventIds.length === 0) return references;
    const query = { roomNid: room.nid, eventIds, ignored: [...ignored], upTo, more: MAX_REFERENCES - 1 };
    for (const row of await this.#parts.storage.read(selectReferences, query)) {
      const known = references.get(row.parent_id);
      if (known === undefined) references.set(row.parent_id, [row.event_id]);
      else known.push(row.event_id);
    }
    return references;
  }

  /** Puts the events in, as far as the viewer may see them. */
  async #bundle(
    found: ReadonlyMap<RoomEvent, Found>,
    references: ReadonlyMap<string, readonly string[]>,
    { room, userId }: Viewing,
  ): Promise<Map<number, Bundle>> {
    const nids = [...found.values()].flatMap(({ editNid, thread }) => [editNid ?? [], thread?.latestNid ?? []].flat());
    const events = await this.#parts.events.byNids(nids);
    const seen = new Set(await this.#parts.sight.visibleTo(userId, room, [...events.values()]));
    const shown = (nid: number | undefined) => {
      const event = nid === undefined ? undefined : events.get(nid);
      return event !== undefined && seen.has(event) ? event : undefined;
    };
    const bundles = new Map<number, Bundle>();
    for (const [parent, { editNid, thread }] of found) {
      const latest = shown(thread?.latestNid);
      bundles.set(parent.nid, {
        edit: shown(editNid),
        thread: thread && latest && { latest, count: thread.count, hasTakenPart: thread.hasTakenPart },
        references: references.get(parent.pdu.eventId) ?? [],
      });
    }
    return bundles;
  }
}

function isParentIn(room: RoomRecord): (event: RoomEvent) => boolean {
  return (event) => event.room.nid === room.nid && event.pdu.stateKey === undefined;
}

/**
 * Whether a replacement is shown with its original. Specification: client-server API, "Validity of replacement events",
 * and "Server-side aggregation of m.replace relationships": not with one that is redacted.
 */
function mayShowEdit({ pdu, redactedBy }: RoomEvent, { ignored }: Viewing): boolean {
  return redactedBy === undefined && !ignored.has(pdu.sender) && relationOf(pdu)?.type !== 'm.replace';
}

function set(
  threads: Map<string, { latestNid: number; count: number }>,
  eventId: string,
  { latestNid, count }: { latestNid: number | null; count: number },
): void {
  if (latestNid === null) threads.delete(eventId);
  else threads.set(eventId, { latestNid, count });
}
