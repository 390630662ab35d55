import { limitExceeded } from '@limpet/protocol/matrix-error';

/** Tasks of one key that may stand in line. */
const MAX_WAITING = 100;

interface Line {
  last: Promise<unknown>;
  length: number;
}

/** Lets tasks of one key (a user, say) run one after the other: for what reads, decides and writes. */
export class Turns {
  readonly #lines = new Map<string, Line>();

  /** Throws M_LIMIT_EXCEEDED when too many wait already. */
  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? { last: Promise.resolve(), length: 0 };
    if (line.length >= MAX_WAITING) {
      throw limitExceeded('Too many changes of this kind wait already. Try again in a moment.');
    }
    this.#lines.set(key, line);
    line.length++;
    // The line goes on whatever became of a task; who queued it hears of its failure.
    const turn = line.last.then(task);
    line.last = turn.then(ignore, ignore);
    try {
      return await turn;
    } finally {
      line.length--;
      if (line.length === 0) this.#lines.delete(key);
    }
  }
}

function ignore(): void {}
