import type { Migration } from './migration.ts';

/** Cross-signing keys, key backups, dehydrated devices. */
export const crossSigning: Migration = {
  number: 13,
  name: 'cross-signing',
  statements: [],
};
