import type { Log } from '../../src/platform/log.ts';

/** Says nothing. An error must not happen: nobody catches this one, so the run fails whatever the server made of it. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error(message, fields) {
    queueMicrotask(() => {
      throw new Error(`The server logged an error: ${message}`, { cause: fields?.error });
    });
  },
  with: () => silentLog,
};
