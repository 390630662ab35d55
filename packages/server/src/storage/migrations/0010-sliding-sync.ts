import type { Migration } from './migration.ts';

/** Connections of sliding sync, as they were left. */
export const slidingSync: Migration = {
  number: 10,
  name: 'sliding-sync',
  statements: [],
};
