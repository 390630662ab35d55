import type { Migration } from './migration.ts';

/** Pushers, notifications and presence. */
export const pushers: Migration = {
  number: 12,
  name: 'pushers',
  statements: [],
};
