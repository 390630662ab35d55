import type { SqlParameters, Statement } from '../../src/storage/statement.ts';
import type { Storage } from '../../src/storage/storage.ts';

/**
 * The next read of the statement is done at once, but its answer is late: who asked goes on from what was true when he
 * asked, after `release`. `reached` is kept when the answer is there.
 */
export function holdAnswer<P extends SqlParameters, R>(
  storage: Storage,
  statement: Statement<P, R>,
): { readonly reached: Promise<void>; release(): void } {
  const read = storage.read.bind(storage);
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  storage.read = async (asked, parameters) => {
    const isHeld = (asked as unknown) === statement;
    if (isHeld) storage.read = read;
    const rows = await read(asked, parameters);
    if (isHeld) {
      reached.resolve();
      await released.promise;
    }
    return rows;
  };
  return { reached: reached.promise, release: released.resolve };
}
