/**
 * A statement in portable SQL, written once for both dialects and prepared once by each driver.
 *
 * Parameters are named: `:userId`. A list is `in (:...eventNids)` or `not in (:...types)`, of numbers or of texts;
 * the adapter of each dialect makes it one bound parameter, so that the text stays constant and prepared. A list may
 * be empty.
 *
 * What the dialects have no common words for stands in braces, such as `{matches}` (storage-adapter.ts).
 *
 * Both dialects take the same values: texts (any Unicode, NUL too, but no half surrogate pairs), integers below 2^53,
 * bytes, null. Where nothing tells the type of a parameter that may be null, say it: `cast(:roomIndex as bigint)`.
 */
export interface Statement<Parameters extends SqlParameters, Row> {
  readonly text: string;
  readonly isPlannedAnew?: true;
  /** Never set: they carry the types. */
  readonly parameters?: Parameters;
  readonly row?: Row;
}

export type SqlValue = string | number | null | Uint8Array;

/** A text that is still being made, for writes alone: the batch has its place, and its commit waits for the text. */
export type TextToCome = Promise<string>;

export type SqlParameters = Readonly<Record<string, SqlValue | readonly number[] | readonly string[] | TextToCome>>;

/** Columns come back as named; integers as numbers (our counters stay below 2^53), bytes as Uint8Array. */
export function defineStatement<Parameters extends SqlParameters, Row = never>(
  text: string,
): Statement<Parameters, Row> {
  return { text };
}

/**
 * A read whose best plan depends on what is asked. PostgreSQL keeps one plan for all values of a prepared statement
 * after five calls; this one it plans each time, which costs a fraction of a millisecond.
 */
export function definePlannedAnew<Parameters extends SqlParameters, Row>(text: string): Statement<Parameters, Row> {
  return { text, isPlannedAnew: true };
}

/** A read that was put together at run time, see `queries/query-builder.ts`. */
export interface CompiledRead<R> {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  /** Never set: it carries the type. */
  readonly row?: R;
}
