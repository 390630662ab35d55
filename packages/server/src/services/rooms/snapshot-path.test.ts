import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type NextSnapshot, nextSnapshot, piecesToMerge, type SnapshotPath } from './snapshot-path.ts';

const change = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 99 }));

/** A chain as the writer makes it: every snapshot with all that it rests on. */
function chainOf(changes: readonly (readonly [number, number])[]): SnapshotPath[] {
  const paths: SnapshotPath[] = [[{ nid: 1, ordinal: 0, entries: new Map() }]];
  for (const [slotNid, eventNid] of changes) {
    const path = paths.at(-1) ?? [];
    paths.push(after(nextSnapshot(path, new Map([[slotNid, eventNid]]))));
  }
  return paths;
}

function after({ ordinal, parents, entries }: NextSnapshot): SnapshotPath {
  return [...parents, { nid: ordinal + 1, ordinal, entries }];
}

function stateOf(path: SnapshotPath): Map<number, number> {
  return new Map(path.flatMap((piece) => [...(piece.entries ?? [])]));
}

describe('snapshots of state', () => {
  test('each is the state after its changes, put together from few pieces', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 130 }), (changes) => {
        const naive = new Map<number, number>();
        for (const [index, path] of chainOf(changes).entries()) {
          const applied = changes[index - 1];
          if (applied !== undefined) naive.set(applied[0], applied[1]);
          expect(stateOf(path)).toEqual(naive);
          expect(path.length).toBeLessThanOrEqual(Math.floor(Math.log2(Math.max(1, index))) + 2);
        }
      }),
    );
  });

  test('what has to be loaded for the next ones is what they merge', () => {
    const changes = Array.from({ length: 70 }, (_unused, index) => [index + 1, index + 1] as const);
    for (const path of chainOf(changes)) {
      for (const count of [1, 2, 5]) {
        const needed = new Set(piecesToMerge(path, count));
        let bare: SnapshotPath = path.map((piece) => (needed.has(piece) ? piece : { ...piece, entries: undefined }));
        let whole = path;
        for (let step = 0; step < count; step++) {
          const news = new Map([[1000 + step, 1]]);
          whole = after(nextSnapshot(whole, news));
          bare = after(nextSnapshot(bare, news));
          expect(bare.at(-1)).toEqual(whole.at(-1));
        }
      }
    }
  });

  test('a piece that is not in memory is not taken for an empty one', () => {
    const path = [
      { nid: 1, ordinal: 0, entries: new Map() },
      { nid: 2, ordinal: 1, entries: undefined },
    ];
    expect(() => nextSnapshot(path, new Map([[1, 1]]))).toThrow('Snapshot 2 was not loaded');
  });
});
