import type { Log } from '../../src/platform/log.ts';

/** Says nothing, except what must not happen. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error(message, fields) {
    console.error(message, fields);
  },
  with: () => silentLog,
};
