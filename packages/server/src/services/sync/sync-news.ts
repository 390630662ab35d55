import type { PublishedChange } from '../../storage/change.ts';
import type { Stream, StreamVector } from '../../storage/stream.ts';

/**
 * What may have changed for one user between two vectors, told from the tail of the stream without reading a table. A
 * section that is not named here has nothing new and is not read (decision 5: cost follows what is asked).
 */
export interface SyncNews {
  /** By room ID: rooms in which something happened. */
  readonly rooms: ReadonlyMap<string, RoomNews>;
  /** This user's own memberships. */
  readonly memberships: boolean;
  /** Somebody's, in any room; or somebody's devices. */
  readonly deviceLists: boolean;
  readonly accountData: boolean;
  readonly toDevice: boolean;
  /** How many one-time keys one of this user's devices has left. */
  readonly keyCounts: boolean;
}

export interface RoomNews {
  events: boolean;
  state: boolean;
  members: boolean;
  receipts: boolean;
  typing: boolean;
}

/** `undefined` when the tail does not reach back to `since`: then anything may have changed. */
export function readNews(stream: Stream, since: StreamVector, userId: string): SyncNews | undefined {
  const changes = stream.since(since);
  if (changes === undefined) return undefined;
  const rooms = new Map<string, RoomNews>();
  const news = { rooms, memberships: false, deviceLists: false, accountData: false, toDevice: false, keyCounts: false };
  for (const change of changes) noteChange(change, userId, news);
  return news;
}

function noteChange(
  change: PublishedChange,
  userId: string,
  news: { -readonly [Key in keyof SyncNews]: SyncNews[Key] } & { rooms: Map<string, RoomNews> },
): void {
  switch (change.kind) {
    case 'event': {
      const room = roomNews(news.rooms, change.roomId);
      room.events = true;
      if (change.stateKey !== undefined) room.state = true;
      return;
    }
    case 'membership':
      roomNews(news.rooms, change.roomId).members = true;
      news.deviceLists = true;
      if (change.userId === userId) news.memberships = true;
      return;
    case 'receipt':
      roomNews(news.rooms, change.roomId).receipts = true;
      return;
    case 'typing':
      roomNews(news.rooms, change.roomId).typing = true;
      return;
    case 'account-data':
      if (change.userId === userId) news.accountData = true;
      return;
    case 'to-device':
      if (change.userId === userId) news.toDevice = true;
      return;
    case 'device-list':
      news.deviceLists = true;
      return;
    case 'one-time-keys':
      if (change.userId === userId) news.keyCounts = true;
      return;
    case 'sticky-due': // The sticky section knows its own.
  }
}

function roomNews(rooms: Map<string, RoomNews>, roomId: string): RoomNews {
  let room = rooms.get(roomId);
  if (room === undefined) {
    room = { events: false, state: false, members: false, receipts: false, typing: false };
    rooms.set(roomId, room);
  }
  return room;
}
