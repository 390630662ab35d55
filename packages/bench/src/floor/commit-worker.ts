import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { FloorRow } from './floor-row.ts';

/** The thread that writes: each message is a group of rows, one transaction and one fsync. */

const database = new DatabaseSync(workerData as string);
database.exec(`
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS rows (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL);
`);
const insert = database.prepare('INSERT INTO rows (id, text) VALUES (?, ?)');

parentPort?.on('message', (rows: FloorRow[]) => {
  database.exec('BEGIN IMMEDIATE');
  for (const { id, text } of rows) insert.run(id, text);
  database.exec('COMMIT');
  parentPort?.postMessage(rows.length);
});
