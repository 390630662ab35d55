import type { Platform } from '../../platform/platform.ts';
import type { Storage } from '../../storage/storage.ts';
import type { RemoteServers } from '../remote-servers/remote-servers.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import { PublicRooms } from '../rooms/public-rooms.ts';
import type { RoomReading } from '../rooms/room-reading.ts';
import type { RoomStateReader } from '../rooms/room-state.ts';
import type { RoomsService } from '../rooms/rooms.ts';
import { DirectoryIndex } from './directory-index.ts';
import { type EventAtTimeQuery, eventAtTime } from './event-at-time.ts';
import { mutualRooms } from './mutual-rooms.ts';
import { PublicRoomLists } from './public-room-lists.ts';
import { RoomPreviews } from './room-previews.ts';
import { SpaceWalks } from './space-walks.ts';
import { UserDirectory } from './user-directory.ts';

export interface DiscoveryParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly serverName: string;
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly memberships: MembershipReader;
  readonly rooms: RoomsService;
  readonly reading: RoomReading;
  readonly remoteServers: RemoteServers;
}

export type Discovery = ReturnType<typeof createDiscovery>;

/** How users find rooms and each other. */
export function createDiscovery(parts: DiscoveryParts) {
  const { storage, platform, serverName, reading, rooms, remoteServers: remote } = parts;
  const { timers } = platform;
  const { summaries, door, history } = reading;
  const previews = new RoomPreviews({ ...parts, summaries, roomServers: rooms.roomServers, remote });
  const directory = new DirectoryIndex(storage, platform);
  const publicRooms = new PublicRooms({ ...parts, timers, summaries });
  return {
    previews,
    spaces: new SpaceWalks(platform, previews),
    publicRooms: new PublicRoomLists({ serverName, publicRooms, remote }),
    people: new UserDirectory({ ...parts, timers, index: directory }),
    directory,
    mutualRooms: (query: Parameters<typeof mutualRooms>[1]) => mutualRooms(parts, query),
    eventAtTime: (query: EventAtTimeQuery) => eventAtTime({ storage, door, history, older: rooms.older }, query),
  };
}
