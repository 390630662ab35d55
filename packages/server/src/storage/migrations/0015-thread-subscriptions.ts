import type { Migration } from './migration.ts';

/** Which threads a user follows. */
export const threadSubscriptions: Migration = {
  number: 15,
  name: 'thread-subscriptions',
  statements: [],
};
