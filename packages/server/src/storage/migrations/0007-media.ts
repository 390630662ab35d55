import type { Migration } from './migration.ts';

/** What was uploaded, and what was fetched from other servers. */
export const media: Migration = {
  number: 7,
  name: 'media',
  statements: [],
};
