/**
 * How snapshots of state rest on each other, so that n changes are stored as some n·log2(n)/2 + n entries and any
 * snapshot is put together from at most log2(n) + 1 pieces (a binary indexed tree over the changes of a room).
 *
 * The snapshot with ordinal n rests on the one with ordinal n minus its lowest set bit, and holds what changed since
 * that one. The root has ordinal 0 and is empty. A path is the snapshot with all that it rests on, the root first.
 */
export type SnapshotPath = readonly SnapshotPiece[];

export interface SnapshotPiece {
  readonly nid: number;
  readonly ordinal: number;
  /** Slot nid to event nid, 0 where the slot became empty; `undefined` while not in memory. */
  entries: ReadonlyMap<number, number> | undefined;
}

/** Most snapshots in one chain: the arithmetic here is of 31 bits. */
const MAX_ORDINAL = 2 ** 31 - 1;

export interface NextSnapshot {
  readonly ordinal: number;
  /** What it rests on. */
  readonly parents: SnapshotPath;
  readonly entries: ReadonlyMap<number, number>;
}

/** The pieces whose entries go into the next `count` snapshots; they have to be in memory before those are made. */
export function piecesToMerge(path: SnapshotPath, count: number): SnapshotPath {
  const last = path.at(-1);
  if (last === undefined) return [];
  let kept = last.ordinal;
  for (let step = 1; step <= count; step++) kept = Math.min(kept, parentOrdinal(last.ordinal + step));
  return path.filter((piece) => piece.ordinal > kept);
}

/** The snapshot that comes after this path, with these changes. */
export function nextSnapshot(path: SnapshotPath, changes: ReadonlyMap<number, number>): NextSnapshot {
  const ordinal = nextOrdinal(path);
  const kept = parentOrdinal(ordinal);
  const entries = new Map<number, number>();
  for (const piece of path) {
    if (piece.ordinal <= kept) continue;
    if (piece.entries === undefined) throw new Error(`Snapshot ${piece.nid} was not loaded before it was merged`);
    for (const [slotNid, eventNid] of piece.entries) entries.set(slotNid, eventNid);
  }
  for (const [slotNid, eventNid] of changes) entries.set(slotNid, eventNid);
  return { ordinal, parents: path.filter((piece) => piece.ordinal <= kept), entries };
}

/** The ordinal that this one rests on. */
function parentOrdinal(ordinal: number): number {
  return ordinal & (ordinal - 1);
}

function nextOrdinal(path: SnapshotPath): number {
  const last = path.at(-1);
  if (last === undefined) throw new Error('A path of snapshots begins with its root');
  if (last.ordinal >= MAX_ORDINAL) throw new Error('The chain of snapshots is too long');
  return last.ordinal + 1;
}
