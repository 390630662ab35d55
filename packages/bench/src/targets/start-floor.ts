import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './start-child.ts';

/** Starts the floor program; `directory` takes its database. */
export function startFloor(directory: string, resources: AsyncDisposableStack): Promise<Child> {
  const program = fileURLToPath(new URL('../floor/main.ts', import.meta.url));
  const args = [program, join(directory, 'floor.db')];
  return startChild({ name: 'The floor program', args, directory, resources });
}
