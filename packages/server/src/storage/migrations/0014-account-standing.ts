import type { Migration } from './migration.ts';

/** What an account may: guests, locks, refresh tokens, erasure; and what was reported. */
export const accountStanding: Migration = {
  number: 14,
  name: 'account-standing',
  statements: [],
};
