import type { Migration } from './migration.ts';

/** Guests are looked for by themselves: they leave rooms that want none any more. */
export const guests: Migration = {
  number: 17,
  name: 'guests',
  statements: ['create index users_guests on users (user_id) where is_guest = 1'],
};
