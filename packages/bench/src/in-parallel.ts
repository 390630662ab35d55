/** Does `work` for 0 … count-1, at most `limit` at a time; each of the `limit` lines has a number of its own. */
export async function inParallel(
  count: number,
  limit: number,
  work: (index: number, line: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lines = Array.from({ length: Math.min(limit, count) }, async (_, line) => {
    while (next < count) await work(next++, line);
  });
  await Promise.all(lines);
}
