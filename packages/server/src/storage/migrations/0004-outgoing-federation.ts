import type { Migration } from './migration.ts';

/** What waits for other servers. */
export const outgoingFederation: Migration = {
  number: 4,
  name: 'outgoing-federation',
  statements: [],
};
