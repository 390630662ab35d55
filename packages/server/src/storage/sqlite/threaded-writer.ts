import { Worker } from 'node:worker_threads';
import { StorageFailure } from '../storage.ts';
import type { BatchResult, GroupWriter, WriteGroup } from '../write-group.ts';
import { groupToText } from './group-text.ts';
import type { FromWriterThread, ToWriterThread, WriterThreadData } from './writer-thread.ts';

/** A writer in a thread of its own. The text of a statement goes there once; after that its number stands for it. */
export async function startThreadedWriter(data: WriterThreadData): Promise<ThreadedWriter> {
  // Flags of this process (of a test runner, say) are none of the thread's business.
  const worker = new Worker(new URL('./writer-thread.ts', import.meta.url), { workerData: data, execArgv: [] });
  const conversation = converse(worker);
  await conversation.next();
  return {
    connect(sqlOf) {
      const known = new Set<number>();
      return {
        async commit(group) {
          const texts = newTexts(group, known, sqlOf);
          const reply = await conversation.ask({ group: groupToText(group), texts });
          if ('committed' in reply) return Array<BatchResult>(reply.committed).fill(PLAIN);
          if ('results' in reply) return reply.results;
          throw new StorageFailure(`SQLite could not write: ${'failure' in reply ? reply.failure : '?'}`, undefined);
        },
        async close() {
          await conversation.ask({ close: true });
          await worker.terminate();
        },
      };
    },
  };
}

const PLAIN: BatchResult = { outcome: 'committed', rows: [] };

export interface ThreadedWriter {
  connect(sqlOf: (statement: number) => string): GroupWriter;
}

interface Conversation {
  ask(message: ToWriterThread): Promise<FromWriterThread>;
  next(): Promise<FromWriterThread>;
}

/** One question at a time, one answer to each; when the thread has ended, every question fails. */
function converse(worker: Worker): Conversation {
  let waiting: PromiseWithResolvers<FromWriterThread> | undefined;
  let ended: StorageFailure | undefined;

  function end(cause: unknown): void {
    ended ??= new StorageFailure(
      'The thread that writes to SQLite has ended; the server has to be started again',
      cause,
    );
    waiting?.reject(ended);
    waiting = undefined;
  }
  worker.on('message', (message: FromWriterThread) => {
    waiting?.resolve(message);
    waiting = undefined;
  });
  worker.on('error', end);
  worker.on('exit', end);

  function next(): Promise<FromWriterThread> {
    if (ended !== undefined) return Promise.reject(ended);
    if (waiting !== undefined) throw new Error('The writer thread was asked before it had answered');
    waiting = Promise.withResolvers();
    return waiting.promise;
  }
  return {
    next,
    ask(message) {
      const reply = next();
      if (ended === undefined) worker.postMessage(message);
      return reply;
    },
  };
}

function newTexts(group: WriteGroup, known: Set<number>, sqlOf: (statement: number) => string): [number, string][] {
  const texts: [number, string][] = [];
  for (const batch of group.batches) {
    for (const { statement } of batch.steps) {
      if (known.has(statement)) continue;
      known.add(statement);
      texts.push([statement, sqlOf(statement)]);
    }
  }
  return texts;
}
