import type { Accounts } from '../../services/accounts/accounts.ts';
import type { RateLimits } from '../rate-limits.ts';

/** What the handlers of accounts work with. */
export interface AccountServices {
  readonly accounts: Accounts;
  readonly rateLimits: RateLimits;
  readonly serverName: string;
}
