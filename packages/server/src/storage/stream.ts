import type { PublishedChange } from './change.ts';

/** For each writer the last position seen. Whoever has this has seen everything up to it. */
export type StreamVector = ReadonlyMap<number, number>;

/** A position, with the writer whose it is. */
export interface StreamPlace {
  readonly writer: number;
  readonly position: number;
}

/** Positions `after` < p <= `upTo` of one writer. */
export interface StreamRange {
  readonly writer: number;
  readonly after: number;
  readonly upTo: number;
}

/**
 * The ordered news. A position is visible only when all positions of its writer before it are, so a vector moves only
 * over what was committed. The newest changes are kept in memory (the tail): who is nearly up to date reads no table
 * to learn that nothing concerns him.
 */
export interface Stream {
  /** The vector of what is published. */
  current(): StreamVector;
  /** Called after each publication, with changes in order. It must not throw and must not take long: note and wake. */
  follow(follower: (changes: readonly PublishedChange[]) => void): () => void;
  /** All changes after this vector, oldest first; `undefined` when the tail does not reach back so far. */
  since(vector: StreamVector): readonly PublishedChange[] | undefined;
}

/** Whether who has this vector has seen what stands at this place. */
export function hasSeen(vector: StreamVector, { writer, position }: StreamPlace): boolean {
  return position <= (vector.get(writer) ?? 0);
}

/** What lies between two vectors, writer by writer; writers with nothing new are left out. */
export function rangesBetween(since: StreamVector | undefined, upTo: StreamVector): StreamRange[] {
  const ranges: StreamRange[] = [];
  for (const [writer, position] of upTo) {
    const after = since?.get(writer) ?? 0;
    if (after < position) ranges.push({ writer, after, upTo: position });
  }
  return ranges;
}
