import type { Migration } from './migration.ts';

/** Which event relates to which, and what is searched. */
export const relations: Migration = {
  number: 11,
  name: 'relations',
  statements: [],
};
