import type { Config } from '../../config.ts';
import type { Media } from '../../services/media/media.ts';
import type { RateLimits } from '../rate-limits.ts';

/** What the routes of media need. */
export interface MediaRouteParts {
  readonly media: Media;
  readonly rateLimits: RateLimits;
  readonly config: Config;
}
