import { LRUCache } from 'lru-cache';
import { createCache } from '../../cache/create-cache.ts';
import type { MembershipChange, PublishedChange } from '../../storage/change.ts';
import {
  countMemberships,
  type MembershipRow,
  selectMembership,
  selectMembershipsOfRoom,
  selectMembershipsOfUser,
  selectSharedRoom,
  selectUsersSharingRooms,
} from '../../storage/queries/memberships.ts';
import type { Storage } from '../../storage/storage.ts';
import { hasSeen } from '../../storage/stream.ts';
import type { Membership, MembershipReader, MembershipRecord } from './membership-reader.ts';
import type { RoomRecord } from './room-event.ts';

/** Memberships of all the users kept in memory together. Some 300 bytes each. */
const MAX_CACHED_RECORDS = 200_000;
/** Rooms whose members are counted in memory. */
const MAX_CACHED_COUNTS = 10_000;

interface Counts {
  joined: number;
  invited: number;
}

/**
 * Reads memberships. What it keeps in memory goes when the stream says that it changed, before any later follower of
 * the stream is told: so it has to be made before whoever reads from it in a follower.
 */
export class Memberships implements MembershipReader {
  readonly #storage: Storage;
  readonly #ofUsers = new LRUCache<string, ReadonlyMap<number, MembershipRecord>>({
    maxSize: MAX_CACHED_RECORDS,
    sizeCalculation: (records) => records.size + 1,
  });
  /** Reads under way; one that is no longer here when it ends may be out of date and is not kept. */
  readonly #reads = new Map<string, Promise<ReadonlyMap<number, MembershipRecord>>>();
  readonly #counts = createCache<string, Counts>(MAX_CACHED_COUNTS);
  readonly #counting = new Map<string, Promise<Counts & { isPublished: boolean }>>();

  constructor(storage: Storage) {
    this.#storage = storage;
    storage.stream.follow((changes) => this.#note(changes));
  }

  async of(room: RoomRecord, userId: string): Promise<MembershipRecord | undefined> {
    const known = this.#ofUsers.get(userId);
    if (known !== undefined) return known.get(room.nid);
    const [row] = await this.#storage.read(selectMembership, { roomNid: room.nid, userId });
    return row === undefined ? undefined : readMembership(row);
  }

  async ofUser(userId: string): Promise<readonly MembershipRecord[]> {
    return [...(await this.#recordsOf(userId)).values()];
  }

  async ofRoom(room: RoomRecord, membership: Membership): Promise<readonly MembershipRecord[]> {
    const rows = await this.#storage.read(selectMembershipsOfRoom, { roomNid: room.nid, membership });
    return rows.map(readMembership);
  }

  async counts(room: RoomRecord): Promise<{ joined: number; invited: number }> {
    const known = this.#counts.get(room.roomId);
    if (known !== undefined) return { ...known };
    const underWay = this.#counting.get(room.roomId);
    if (underWay !== undefined) return underWay;
    const counting = this.#count(room);
    this.#counting.set(room.roomId, counting);
    try {
      const { isPublished, ...counts } = await counting;
      if (isPublished && this.#counting.get(room.roomId) === counting) this.#counts.set(room.roomId, { ...counts });
      return counts;
    } finally {
      if (this.#counting.get(room.roomId) === counting) this.#counting.delete(room.roomId);
    }
  }

  async shareRoom(userId: string, otherUserId: string): Promise<boolean> {
    return (await this.#storage.read(selectSharedRoom, { userId, otherUserId })).length > 0;
  }

  async usersSharingRooms(userId: string): Promise<ReadonlySet<string>> {
    const rows = await this.#storage.read(selectUsersSharingRooms, { userId });
    return new Set([userId, ...rows.map((row) => row.user_id)]);
  }

  async #recordsOf(userId: string): Promise<ReadonlyMap<number, MembershipRecord>> {
    const known = this.#ofUsers.get(userId) ?? this.#reads.get(userId);
    if (known !== undefined) return known;
    const read = this.#read(userId);
    this.#reads.set(userId, read);
    try {
      const records = await read;
      if (this.#reads.get(userId) === read) this.#ofUsers.set(userId, records);
      return records;
    } finally {
      if (this.#reads.get(userId) === read) this.#reads.delete(userId);
    }
  }

  async #read(userId: string): Promise<ReadonlyMap<number, MembershipRecord>> {
    const rows = await this.#storage.read(selectMembershipsOfUser, { userId });
    return new Map(rows.map((row) => [row.room_nid, readMembership(row)]));
  }

  async #count(room: RoomRecord): Promise<Counts & { isPublished: boolean }> {
    const rows = await this.#storage.read(countMemberships, { roomNid: room.nid });
    const count = (membership: Membership) =>
      rows.filter((row) => row.membership === membership).reduce((sum, row) => sum + row.count, 0);
    // What was counted before it was published would be counted again when it is.
    const published = this.#storage.stream.current();
    const isPublished = rows.every((row) => hasSeen(published, row));
    return { joined: count('join'), invited: count('invite'), isPublished };
  }

  #note(changes: readonly PublishedChange[]): void {
    for (const change of changes) {
      if (change.kind === 'membership') {
        this.#forgetUser(change.userId);
        this.#adjustCounts(change);
      } else if (change.kind === 'event' && change.type === 'm.room.member' && change.stateKey !== undefined) {
        this.#forgetUser(change.stateKey);
      } else if (change.kind === 'room-server') {
        // A room that was just entered over another server has members that nobody told of one by one.
        this.#counts.delete(change.roomId);
        this.#counting.delete(change.roomId);
      }
    }
  }

  #forgetUser(userId: string): void {
    this.#ofUsers.delete(userId);
    this.#reads.delete(userId);
  }

  #adjustCounts({ roomId, membership, previous }: MembershipChange): void {
    this.#counting.delete(roomId);
    const counts = this.#counts.get(roomId);
    if (counts === undefined) return;
    counts.joined += Number(membership === 'join') - Number(previous === 'join');
    counts.invited += Number(membership === 'invite') - Number(previous === 'invite');
  }
}

function readMembership(row: MembershipRow): MembershipRecord {
  return {
    roomNid: row.room_nid,
    userId: row.user_id,
    membership: row.membership as Membership,
    eventNid: row.event_nid,
    sender: row.sender,
    isForgotten: row.is_forgotten === 1,
    joinedPosition: row.joined_position ?? undefined,
    writer: row.writer,
    position: row.position,
  };
}
