/** One step of the schema; numbers only grow, and a landed step is never changed. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  /** Portable SQL, one statement each, with the type names of the dialect's adapter in braces. */
  readonly statements: readonly string[];
}
