import { groundFloor } from './0001-ground-floor.ts';
import type { Migration } from './migration.ts';

/** Every step from nothing to today, in order. The server takes the missing ones at start, each in a transaction. */
export const MIGRATIONS: readonly Migration[] = [groundFloor];
