import { DatabaseError } from 'pg';

/**
 * What an error of PostgreSQL means for the group, by the class of its code (PostgreSQL manual, appendix A):
 * `statement`: this statement with these values cannot be; `retry`: the same group may pass the next time;
 * `refused`: the server is there and cannot do it (disk full, read-only); `lost`: the connection is gone or of no use.
 */
export type PostgresFailure = 'statement' | 'retry' | 'refused' | 'lost';

const STATEMENT_CLASSES = new Set(['0A', '21', '22', '23', '2B', '42', '44', '54']);
const RETRY_CLASSES = new Set(['40', '55']);
const REFUSED_CLASSES = new Set(['25', '28', '53', '58']);

export function classifyFailure(error: unknown): PostgresFailure {
  // A number in an answer that does not fit, or a value that `pg` does not take.
  if (error instanceof RangeError || error instanceof TypeError) return 'statement';
  if (!(error instanceof DatabaseError) || error.code === undefined) return 'lost';
  const codeClass = error.code.slice(0, 2);
  if (STATEMENT_CLASSES.has(codeClass)) return 'statement';
  if (RETRY_CLASSES.has(codeClass)) return 'retry';
  if (REFUSED_CLASSES.has(codeClass)) return 'refused';
  return 'lost';
}
