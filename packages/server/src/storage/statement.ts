/**
 * A statement in portable SQL, written once for both dialects and prepared once by each driver.
 *
 * Parameters are named: `:userId`. A list is `in (:...eventNids)` where every element is a number, or `in (:...'types)` where
 * every element is a string; the adapter of each dialect expands it to one bound parameter (a JSON array), so that the
 * text stays constant and prepared.
 */
export interface Statement<Parameters extends SqlParameters, Row> {
  readonly text: string;
  /** Never set: they carry the types. */
  readonly parameters?: Parameters;
  readonly row?: Row;
}

export type SqlValue = string | number | null | Uint8Array;

export type SqlParameters = Readonly<Record<string, SqlValue | readonly number[] | readonly string[]>>;

/** Columns come back as named; integers as numbers (our counters stay below 2^53), bytes as Uint8Array. */
export function defineStatement<Parameters extends SqlParameters, Row = never>(
  text: string,
): Statement<Parameters, Row> {
  return { text };
}
