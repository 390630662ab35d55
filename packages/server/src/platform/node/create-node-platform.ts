import type { Platform } from '../platform.ts';
import { nodeClock } from './clock.ts';
import { createNodeDns } from './dns.ts';
import { createNodeLog, type LogOptions } from './log.ts';
import { createNodeOutboundHttp, type OutboundHttpOptions } from './outbound-http.ts';
import { nodeRandom } from './random.ts';
import { nodeSigning } from './signing.ts';
import { nodeTimers } from './timers.ts';

/** The real world. */
export function createNodePlatform(log: LogOptions, outbound: OutboundHttpOptions): Platform {
  const dns = createNodeDns();
  return {
    clock: nodeClock,
    timers: nodeTimers,
    random: nodeRandom,
    log: createNodeLog(log),
    outboundHttp: createNodeOutboundHttp(outbound, dns),
    dns,
    signing: nodeSigning,
  };
}
