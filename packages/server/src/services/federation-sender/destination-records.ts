import type { Log } from '../../platform/log.ts';
import { updateLive, upsertBehind, upsertSuccess, upsertToldEverybody } from '../../storage/queries/destinations.ts';
import type { Storage, WriteTransaction } from '../../storage/storage.ts';
import type { DestinationCursor } from './live-queue.ts';

/** Rows written in one batch: no other writer waits long behind it. */
const ROWS_PER_BATCH = 500;

/** A server that is behind, as its row has it. */
export interface BehindRecord {
  readonly serverName: string;
  readonly cursor: DestinationCursor;
  readonly failures: number;
  readonly triedAtMs: number;
  readonly retryAtMs: number;
  readonly error: { readonly message: string; readonly atMs: number } | undefined;
}

/**
 * What is written down of other servers, so that a crash loses nothing. Servers that are live have no cursors of
 * their own: one mark says up to where everybody was told, and only who is behind has a row that says otherwise. So a
 * server at peace writes next to nothing, and what a crash repeats is what came after the mark.
 */
export class DestinationRecords {
  readonly #storage: Storage;
  readonly #log: Log;
  /** What waits to be written, and what is being written, by server. */
  #waiting = new Map<string, BehindRecord>();
  #writing: ReadonlyMap<string, BehindRecord> = new Map();
  #successes = new Map<string, number>();
  #mark: number;
  #flushing: Promise<void> | undefined;

  constructor(storage: Storage, log: Log, mark: number) {
    this.#storage = storage;
    this.#log = log;
    this.#mark = mark;
  }

  /** Everybody was told what stands up to here, but those who have a row that says otherwise. */
  get mark(): number {
    return this.#mark;
  }

  /** To be written at once, together with what others have to write. */
  saveBehind(record: BehindRecord): void {
    const known = this.#waiting.get(record.serverName);
    this.#waiting.set(record.serverName, { ...record, error: record.error ?? known?.error });
    this.flush();
  }

  /** Written with the next mark, or the next row of this server. */
  noteSuccess(serverName: string, atMs: number): void {
    this.#successes.set(serverName, atMs);
  }

  lastSuccess(serverName: string): number | undefined {
    return this.#successes.get(serverName);
  }

  /** Whether nothing that was to be written of this server is unwritten. */
  isWritten(serverName: string): boolean {
    return !this.#waiting.has(serverName) && !this.#writing.has(serverName);
  }

  /** The mark must not pass what a server lacks before the row that says so is written. */
  firstUnwritten(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const records of [this.#waiting, this.#writing]) {
      for (const { cursor } of records.values()) {
        first = Math.min(first, cursor.eventPosition + 1, cursor.stickyEffective);
      }
    }
    return first;
  }

  /** Moves the mark, and says that these servers are behind no more. */
  async moveMark(position: number, live: readonly string[]): Promise<void> {
    const moved = Math.max(position, this.#mark);
    const successes = [...this.#successes].slice(0, ROWS_PER_BATCH);
    if (moved === this.#mark && live.length === 0 && successes.length === 0) return;
    await this.#storage.write((transaction) => {
      if (moved > this.#mark) {
        transaction.run(upsertToldEverybody, { writer: transaction.writer, position: moved });
      }
      for (const serverName of live) transaction.run(updateLive, { serverName });
      for (const [serverName, lastSuccessMs] of successes) {
        transaction.run(upsertSuccess, { serverName, lastSuccessMs });
      }
    });
    this.#mark = moved;
    for (const [serverName, atMs] of successes) {
      if (this.#successes.get(serverName) === atMs) this.#successes.delete(serverName);
    }
  }

  /** Writes what waits. Where the database fails it goes on waiting, for the next call. */
  flush(): Promise<void> {
    this.#flushing ??= this.#writeAll().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #writeAll(): Promise<void> {
    // Whoever else has something to write at this moment comes along.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const batch = new Map([...this.#waiting].slice(0, ROWS_PER_BATCH));
      for (const serverName of batch.keys()) this.#waiting.delete(serverName);
      this.#writing = batch;
      try {
        await this.#storage.write((transaction) => {
          for (const record of batch.values()) this.#write(transaction, record);
        });
      } catch (error) {
        for (const [serverName, record] of batch) {
          if (!this.#waiting.has(serverName)) this.#waiting.set(serverName, record);
        }
        this.#log.warn('How far other servers have come was not written; trying again', { error });
        return;
      } finally {
        this.#writing = new Map();
      }
    }
  }

  #write(transaction: WriteTransaction, record: BehindRecord): void {
    const { serverName, cursor, failures, triedAtMs: triedMs, retryAtMs: nextTryMs } = record;
    transaction.run(upsertBehind, {
      serverName,
      ...cursor,
      failures,
      triedMs,
      nextTryMs,
      error: record.error?.message ?? null,
      errorMs: record.error?.atMs ?? null,
    });
  }
}
