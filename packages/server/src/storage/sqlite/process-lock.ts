import { DatabaseSync } from 'node:sqlite';
import { DatabaseUnusable } from '../database-unusable.ts';

/** Held while a process is the writer; the operating system lets go of it however the process ends. */
export interface ProcessLock {
  release(): void;
}

/**
 * Two processes that give out numbers of the same writer would give out the same ones. The lock is an empty database
 * next to the real one, locked for good: SQLite knows how to lock a file on every system, Node.js alone does not.
 *
 * @throws DatabaseUnusable when another one has it.
 */
export function takeProcessLock(path: string, writer: number): ProcessLock {
  const database = new DatabaseSync(`${path}-writer-${writer}.lock`, { timeout: 0 });
  try {
    database.exec('pragma journal_mode = memory');
    database.exec('begin exclusive');
  } catch (error) {
    database.close();
    throw new DatabaseUnusable(`The database ${path} is in use by another Limpet process. Stop that one first.`, error);
  }
  return { release: () => database.close() };
}
