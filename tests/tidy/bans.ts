/** What stands nowhere but in the files named, and what to use instead. */
export interface Ban {
  readonly name: string;
  readonly pattern: RegExp;
  readonly use: string;
  /** Where it is allowed: prefixes of paths. */
  readonly allowed: readonly string[];
}

const REAL_WORLD = [
  'packages/server/src/platform/node/',
  'packages/server/src/storage/sqlite/',
  'packages/server/src/storage/postgres/',
  'packages/server/src/main.ts',
  'packages/bench/',
];

export const BANS: readonly Ban[] = [
  { name: 'Date.now()', pattern: /\bDate\.now\b/, use: 'platform.clock.nowMs()', allowed: REAL_WORLD },
  { name: 'new Date()', pattern: /\bnew Date\(\s*\)/, use: 'platform.clock.nowMs()', allowed: REAL_WORLD },
  {
    name: 'performance.now()',
    pattern: /\bperformance\.now\b/,
    use: 'platform.clock.monotonicMs()',
    allowed: REAL_WORLD,
  },
  { name: 'process.hrtime', pattern: /\bhrtime\b/, use: 'platform.clock.monotonicMs()', allowed: REAL_WORLD },
  {
    name: 'setTimeout and its like',
    pattern: /\b(setTimeout|setInterval|setImmediate)\s*\(/,
    use: 'platform.timers.after()',
    allowed: REAL_WORLD,
  },
  { name: 'Math.random()', pattern: /\bMath\.random\b/, use: 'platform.random.bytes()', allowed: REAL_WORLD },
  {
    name: 'randomness of node:crypto',
    pattern: /\b(randomBytes|randomUUID|randomInt|getRandomValues|generateKeyPair(Sync)?)\b/,
    use: 'platform.random.bytes()',
    allowed: REAL_WORLD,
  },
  { name: 'fetch()', pattern: /(?<![.\w])fetch\s*\(/, use: 'an interface of platform/', allowed: REAL_WORLD },
  { name: 'process', pattern: /(?<![.\w'"-])process\.\w/, use: 'what main.ts hands in', allowed: REAL_WORLD },
  { name: 'console', pattern: /(?<![.\w])console\./, use: 'platform.log', allowed: REAL_WORLD },
  {
    name: 'I/O of node:*',
    pattern:
      /['"]node:(fs|fs\/promises|net|http|https|http2|dns|tls|os|child_process|worker_threads|sqlite|timers|dgram)['"]/,
    use: 'an interface of platform/',
    allowed: REAL_WORLD,
  },
  { name: 'a value of type any', pattern: /(:\s*any\b|\bas any\b|<any>)/, use: 'unknown and a parser', allowed: [] },
  {
    name: 'comparing room versions',
    pattern: /version\.id\s*[<>]|Number\(\s*version\.id/,
    use: 'a boolean of RoomVersion',
    allowed: [],
  },
  {
    name: 'an LRUCache that takes the room for all its entries when it is made',
    pattern: /new LRUCache\b[^;]*?\{\s*max:/,
    use: 'createCache()',
    allowed: [],
  },
  { name: 'a leftover', pattern: /\b(FIXME|XXX|HACK)\b/, use: 'an issue, or mend it', allowed: [] },
  { name: 'export default', pattern: /^export default\b/m, use: 'a named export', allowed: [] },
];

/** Names that say nothing. */
export const BANNED_FILE_NAMES = /(^|[/-])(utils?|helpers?|common|misc|types|manager|impl)(\.|-|\/)/;
