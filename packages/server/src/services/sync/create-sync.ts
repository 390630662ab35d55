import { joinedRooms } from '../rooms/joined-rooms.ts';
import { MomentaryTimeline } from './momentary-timeline.ts';
import { SlidingSyncService } from './sliding/sliding-sync-service.ts';
import { SyncService } from './sync-service.ts';
import type { SyncSources } from './sync-sources.ts';
import { SyncWaiters } from './sync-waiters.ts';

export interface Sync {
  readonly sync: SyncService;
  readonly sliding: SlidingSyncService;
}

/** Both kinds of sync. They share what they read of timelines, and what wakes those who wait. */
export function createSync(sources: SyncSources): Sync {
  const { storage, platform } = sources;
  const { stream } = storage;
  const shared = { ...sources, timeline: new MomentaryTimeline(sources.timeline, stream) };
  const roomsOf = async (userId: string) => (await joinedRooms(sources, userId)).map(({ roomId }) => roomId);
  const waiters = new SyncWaiters({ stream, timers: platform.timers, roomsOf });
  return { sync: new SyncService(shared, waiters), sliding: new SlidingSyncService(shared, waiters) };
}
