/**
 * A database that cannot be opened: used by another process, newer than the code, not there. The message says what to
 * do.
 */
export class DatabaseUnusable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'DatabaseUnusable';
  }
}
