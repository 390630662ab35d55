import type { Compilable } from 'kysely';
import type { CompiledRead } from '../statement.ts';

/** What `storage.readCompiled` takes, with the type of its rows. */
export function compileRead<R>(query: Compilable<R>): CompiledRead<R> {
  const { sql, parameters } = query.compile();
  return { sql, parameters };
}
