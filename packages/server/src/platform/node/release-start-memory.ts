import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Gives back to the system what a start took and what serving does without, some 15 MB: the garbage of loading, and the
 * room that the young generation grew to meanwhile, which would stay until there is load. Keeps this thread for some
 * 50 ms, so it is for the end of a start. V8's own collector is within reach only by a flag, which is taken back.
 */
export function releaseStartMemory(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: CollectOptions) => void;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

interface CollectOptions {
  readonly type: 'major';
  readonly execution: 'sync';
  /** Leaves nothing that can go; the regular flavor keeps the room of the young generation. */
  readonly flavor: 'last-resort';
}
