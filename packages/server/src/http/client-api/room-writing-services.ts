import type { Config } from '../../config.ts';
import type { RoomsService } from '../../services/rooms/rooms.ts';
import type { RateLimits } from '../rate-limits.ts';

/** What the endpoints that change rooms are made of. */
export interface RoomWritingServices {
  readonly rooms: RoomsService;
  readonly rateLimits: RateLimits;
  readonly stickyEvents: Pick<Config['stickyEvents'], 'enabled' | 'stableNames'>;
}
