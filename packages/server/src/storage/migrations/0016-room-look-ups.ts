import type { Migration } from './migration.ts';

/** What rooms and users are looked up by. */
export const roomLookUps: Migration = {
  number: 16,
  name: 'room-look-ups',
  statements: [],
};
