/** The part of the package that `start-postgres.ts` uses; it brings no types of its own. */
declare module 'async-exit-hook' {
  const exitHook: { unhookEvent(event: 'beforeExit' | 'exit'): void };
  export default exitHook;
}
