import { parentPort, workerData } from 'node:worker_threads';
import type { BatchResult } from '../write-group.ts';
import { groupFromText } from './group-text.ts';
import { openWriteConnection, type Synchronous } from './sqlite-connection.ts';
import { createSqliteGroups } from './sqlite-group.ts';

/** The thread that writes to SQLite, so that waiting for the disk keeps nobody from being answered. */

export interface WriterThreadData {
  readonly path: string;
  readonly writer: number;
  readonly synchronous: Synchronous;
}

export type ToWriterThread =
  /**
   * `group` is of `group-text.ts`; `texts` are those of the statements that the group is the first to use, by their
   * numbers.
   */
  { readonly group: string; readonly texts: readonly (readonly [number, string])[] } | { readonly close: true };

export type FromWriterThread =
  | { readonly results: readonly BatchResult[] }
  /** Nearly always: so many batches are committed, and no rows came. */
  | { readonly committed: number }
  | { readonly failure: string }
  | { readonly ready: true }
  | { readonly closed: true };

function start(): void {
  const port = parentPort;
  if (port === null) throw new Error('This file runs in a worker thread');
  const { path, writer, synchronous } = workerData as WriterThreadData;
  const texts = new Map<number, string>();
  const database = openWriteConnection(path, synchronous);
  const groups = createSqliteGroups({ database, writer, sqlOf: (number) => texts.get(number) ?? '' });

  function answer(message: ToWriterThread): FromWriterThread {
    if ('close' in message) {
      // The reader is still open, so closing alone would leave what is new in the log beside the file; whoever copies
      // the one file of a stopped server is to have everything.
      database.exec('pragma wal_checkpoint(truncate)');
      database.close();
      return { closed: true };
    }
    for (const [number, text] of message.texts) texts.set(number, text);
    try {
      const results = groups.commit(groupFromText(message.group));
      return results.every(isPlain) ? { committed: results.length } : { results };
    } catch (error) {
      // The main thread makes a StorageFailure of it.
      return { failure: error instanceof Error ? error.message : String(error) };
    }
  }

  port.on('message', (message: ToWriterThread) => {
    const reply = answer(message);
    port.postMessage(reply);
    if ('closed' in reply) port.close();
  });
  port.postMessage({ ready: true } satisfies FromWriterThread);
}

function isPlain(result: BatchResult): boolean {
  return result.outcome === 'committed' && result.rows.length === 0;
}

start();
