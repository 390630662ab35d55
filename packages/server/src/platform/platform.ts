import type { Clock } from './clock.ts';
import type { Dns } from './dns.ts';
import type { Log } from './log.ts';
import type { OutboundHttp } from './outbound-http.ts';
import type { Random } from './random.ts';
import type { Signing } from './signing.ts';
import type { Timers } from './timers.ts';

/** The world as the server sees it. The real one is built in `platform/node`; tests build another. */
export interface Platform {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
  readonly outboundHttp: OutboundHttp;
  readonly dns: Dns;
  readonly signing: Signing;
}
