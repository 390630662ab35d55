import type { Clock } from '../../platform/clock.ts';
import type { Storage } from '../../storage/storage.ts';
import type { AccountDataReader } from '../accounts/account-data-reader.ts';
import type { ErasedUsers } from './erased-users.ts';
import { EventSight } from './event-sight.ts';
import type { EventStore } from './event-store.ts';
import { HistoricalState } from './historical-state.ts';
import type { MembershipReader } from './membership-reader.ts';
import type { OlderHistory } from './older-history.ts';
import { PartingEvents } from './parting-events.ts';
import type { StickyPresentation } from './present-event.ts';
import { EventRelations } from './relations/event-relations.ts';
import type { RelatedRooms } from './relations/related-rooms.ts';
import { RoomDoor } from './room-access.ts';
import { RoomHistory } from './room-history.ts';
import type { RoomReader } from './room-reader.ts';
import type { RoomStateReader } from './room-state.ts';
import { RoomStateViews } from './room-state-views.ts';
import { RoomSummaries } from './room-summaries.ts';
import { RoomViews } from './room-views.ts';
import { ServerSight } from './server-sight.ts';
import type { TimelineReader } from './timeline.ts';
import { TimelinePages } from './timeline-pages.ts';
import { UsersOfServers } from './users-of-servers.ts';

export interface RoomReadingParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly serverName: string;
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly memberships: MembershipReader;
  readonly accountData: AccountDataReader;
  readonly erased: ErasedUsers;
  readonly sticky: StickyPresentation;
  readonly older: OlderHistory;
  readonly relatedRooms: RelatedRooms;
}

/** The reading side of rooms, put together. */
export interface RoomReading {
  readonly rooms: RoomReader;
  readonly timeline: TimelineReader;
  readonly partings: PartingEvents;
  readonly door: RoomDoor;
  readonly history: RoomHistory;
  readonly relations: EventRelations;
  readonly states: RoomStateViews;
  readonly serverSight: ServerSight;
  readonly usersOfServers: UsersOfServers;
  readonly summaries: RoomSummaries;
}

export function createRoomReading(parts: RoomReadingParts): RoomReading {
  const { storage, events, state } = parts;
  const past = new HistoricalState(storage, events, state);
  const partings = new PartingEvents(events, past);
  const sight = new EventSight({ ...parts, history: past, partings, stickyEnabled: parts.sticky.isEnabled });
  const timeline = new TimelinePages(storage, events);
  const usersOfServers = new UsersOfServers(storage);
  const door = new RoomDoor({ ...parts, partings });
  return {
    rooms: new RoomViews({ ...parts, history: past, sight, partings }),
    timeline,
    partings,
    door,
    history: new RoomHistory({ ...parts, timeline, history: past, sight }),
    relations: new EventRelations({ ...parts, timeline, sight }),
    states: new RoomStateViews({ ...parts, timeline, history: past, sight }),
    serverSight: new ServerSight({ ...parts, history: past, usersOfServers, stickyEnabled: parts.sticky.isEnabled }),
    usersOfServers,
    summaries: new RoomSummaries({ ...parts, usersOfServers }),
  };
}
