import type { Random } from '../../src/platform/random.ts';

/** The same bytes for the same seed (an xorshift generator). */
export function seededRandom(seed: number): Random {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  function next(): number {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state & 0xff;
  }
  return { bytes: (count) => Uint8Array.from({ length: count }, next) };
}
