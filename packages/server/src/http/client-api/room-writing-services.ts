import type { Config } from '../../config.ts';
import type { DelayedEvents } from '../../services/delayed-events/delayed-events.ts';
import type { RoomsService } from '../../services/rooms/rooms.ts';
import type { RateLimits } from '../rate-limits.ts';

/** What the endpoints that change rooms are made of. */
export interface RoomWritingServices {
  readonly rooms: RoomsService;
  readonly delayedEvents: DelayedEvents;
  readonly rateLimits: RateLimits;
  readonly stickyEvents: Pick<Config['stickyEvents'], 'enabled' | 'stableNames'>;
}
