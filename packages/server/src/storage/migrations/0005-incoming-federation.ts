import type { Migration } from './migration.ts';

/** What came from other servers and waits to be processed. */
export const incomingFederation: Migration = {
  number: 5,
  name: 'incoming-federation',
  statements: [],
};
