import type { Platform } from '../../platform/platform.ts';
import type { Storage } from '../../storage/storage.ts';
import type { RemoteServers, ServerKeys } from '../remote-servers/remote-servers.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { JoiningRooms } from '../rooms/joining-rooms.ts';
import type { LocalMembers } from '../rooms/local-members.ts';
import type { ReceivedEvent } from '../rooms/received-event.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import type { RoomReceiver } from '../rooms/room-receiver.ts';
import type { RoomServers } from '../rooms/room-servers.ts';
import type { ServerAcls } from '../rooms/server-acls.ts';
import type { Lane } from './lane.ts';
import type { StagedEvents } from './staged-events.ts';

/** What those who receive from other servers work with. */
export interface InboundParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly events: EventStore;
  readonly receiver: RoomReceiver;
  readonly roomServers: RoomServers;
  readonly joining: JoiningRooms;
  readonly acls: ServerAcls;
  readonly remoteServers: RemoteServers;
  readonly keys: ServerKeys;
  readonly staged: StagedEvents;
  readonly localMembers: LocalMembers;
  readonly policy: EventPolicy;
  /** These events are in their room now: what waits for them need not wait longer. */
  readonly noteArrivals: (eventIds: readonly string[]) => void;
  readonly noteRefusals: (lane: Lane, refusals: readonly Refused[]) => void;
}

/** What rooms ask of events beyond their own rules (H1). */
export interface EventPolicy {
  /** Whether somebody has to be asked about these events, which takes its time. */
  isToBeAsked(room: RoomRecord, events: readonly ReceivedEvent[]): Promise<boolean>;
  /** The events as they go on, those that are refused with the reason. */
  apply(room: RoomRecord, events: readonly ReceivedEvent[]): Promise<readonly ReceivedEvent[]>;
}

/** An event that is not, or not visibly, in the room. */
export interface Refused {
  readonly eventId: string;
  readonly reason: string;
}
