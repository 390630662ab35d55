import type { Platform } from '../platform.ts';
import { nodeClock } from './clock.ts';
import { createNodeLog, type LogOptions } from './log.ts';
import { nodeRandom } from './random.ts';
import { nodeTimers } from './timers.ts';

/** The real world. */
export function createNodePlatform(log: LogOptions): Platform {
  return { clock: nodeClock, timers: nodeTimers, random: nodeRandom, log: createNodeLog(log) };
}
