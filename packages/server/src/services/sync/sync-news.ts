import type { MembershipChange, PublishedChange } from '../../storage/change.ts';
import type { Stream } from '../../storage/stream.ts';
import type { DeviceAddress } from '../encryption/encryption-reader.ts';
import { isBeyond, type SyncRange } from './sync-range.ts';

/**
 * What may have changed for one device within a range, told from the tail of the stream without reading a table. A
 * section that is not named here has nothing new and is not read (decision 5: cost follows what is asked).
 */
export interface SyncNews {
  /** By room ID: rooms in which something happened. */
  readonly rooms: ReadonlyMap<string, RoomNews>;
  /** Everybody's, in any room, oldest first. */
  readonly memberships: readonly MembershipChange[];
  /** Users whose devices changed, whoever they are. */
  readonly deviceUsers: ReadonlySet<string>;
  /** Users whose presence changed, whoever they are. */
  readonly presences: ReadonlySet<string>;
  /** Users whose keys this user signed. */
  readonly signedUsers: ReadonlySet<string>;
  readonly accountData: boolean;
  readonly toDevice: boolean;
  /** How many one-time keys the device has left. */
  readonly keyCounts: boolean;
  readonly threadSubscriptions: boolean;
}

export interface RoomNews {
  readonly events: boolean;
  readonly state: boolean;
  /** The state changed otherwise than by what stands in the timeline. */
  readonly isResolved: boolean;
  /** Who is there, or what the room is called. */
  readonly summary: boolean;
  readonly receipts: boolean;
  /** Receipts of the user himself: what is unread may have changed. */
  readonly ownReceipts: boolean;
  readonly typing: boolean;
}

export const QUIET_ROOM: RoomNews = {
  events: false,
  state: false,
  isResolved: false,
  summary: false,
  receipts: false,
  ownReceipts: false,
  typing: false,
};

/** `undefined` when the tail does not reach back to where the range starts: then anything may have changed. */
export function readNews(stream: Stream, range: SyncRange, device: DeviceAddress): SyncNews | undefined {
  const changes = range.since && stream.since(range.since);
  if (changes === undefined) return undefined;
  const news = new NewsOfDevice(device);
  for (const change of changes) if (!isBeyond(range, change)) news.note(change);
  return news;
}

/** State that decides what a room without a name of its own is called. */
const NAME_TYPES = new Set(['m.room.name', 'm.room.canonical_alias']);

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

class NewsOfDevice implements SyncNews {
  readonly rooms = new Map<string, Writable<RoomNews>>();
  readonly memberships: MembershipChange[] = [];
  readonly deviceUsers = new Set<string>();
  readonly presences = new Set<string>();
  readonly signedUsers = new Set<string>();
  accountData = false;
  toDevice = false;
  keyCounts = false;
  threadSubscriptions = false;
  readonly #device: DeviceAddress;

  constructor(device: DeviceAddress) {
    this.#device = device;
  }

  note(change: PublishedChange): void {
    switch (change.kind) {
      case 'event': {
        const room = this.#room(change.roomId);
        room.events = true;
        if (change.stateKey === undefined) return;
        room.state = true;
        if (NAME_TYPES.has(change.type)) room.summary = true;
        return;
      }
      case 'membership':
        this.#room(change.roomId).summary = true;
        this.memberships.push(change);
        return;
      case 'receipt':
        if (isReceiptSeenBy(change, this.#device.userId)) this.#room(change.roomId).receipts = true;
        if (change.userId === this.#device.userId) this.#room(change.roomId).ownReceipts = true;
        return;
      case 'typing':
        this.#room(change.roomId).typing = true;
        return;
      case 'presence':
        this.presences.add(change.userId);
        return;
      case 'account-data':
        if (change.userId === this.#device.userId) this.accountData = true;
        return;
      case 'to-device':
        if (this.#isOwn(change)) this.toDevice = true;
        return;
      case 'device-list':
        this.deviceUsers.add(change.userId);
        return;
      case 'user-signature':
        if (change.userId === this.#device.userId) this.signedUsers.add(change.signedUserId);
        return;
      case 'one-time-keys':
        if (this.#isOwn(change)) this.keyCounts = true;
        return;
      case 'thread-subscription':
        if (change.userId === this.#device.userId) this.threadSubscriptions = true;
        return;
      case 'state-resolved': {
        const room = this.#room(change.roomId);
        room.state = true;
        room.isResolved = true;
        room.summary = true;
        return;
      }
      case 'room-server':
      case 'outgoing-edu':
      case 'sticky-due': // The sticky section knows its own.
    }
  }

  #isOwn({ userId, deviceId }: DeviceAddress): boolean {
    return userId === this.#device.userId && deviceId === this.#device.deviceId;
  }

  #room(roomId: string): Writable<RoomNews> {
    let room = this.rooms.get(roomId);
    if (room === undefined) {
      room = { ...QUIET_ROOM };
      this.rooms.set(roomId, room);
    }
    return room;
  }
}

/** A private receipt concerns its user alone. */
export function isReceiptSeenBy(receipt: { receiptType: string; userId: string }, userId: string): boolean {
  return receipt.receiptType !== 'm.read.private' || receipt.userId === userId;
}
