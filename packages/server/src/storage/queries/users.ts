import { defineStatement } from '../statement.ts';

export interface UserRow {
  user_id: string;
  password_hash: string | null;
  created_ts: number;
  is_admin: number;
  is_deactivated: number;
  is_guest: number;
  is_locked: number;
  is_suspended: number;
}

const USER_COLUMNS = 'user_id, password_hash, created_ts, is_admin, is_deactivated, is_guest, is_locked, is_suspended';

export const selectUser = defineStatement<{ userId: string }, UserRow>(
  `select ${USER_COLUMNS} from users where user_id = :userId`,
);

/** A page of the users in the order of their IDs. */
export const selectUsersAfter = defineStatement<{ after: string; limit: number }, UserRow>(
  `select ${USER_COLUMNS} from users where user_id > :after order by user_id limit :limit`,
);

export const selectAnyUser = defineStatement<Record<string, never>, { user_id: string }>(
  'select user_id from users limit 1',
);

/** Changes nothing when the name is taken. */
export const insertUser = defineStatement<{
  userId: string;
  passwordHash: string | null;
  createdTs: number;
  isAdmin: number;
  isGuest: number;
}>(
  `insert into users (user_id, password_hash, created_ts, is_admin, is_deactivated, is_guest)
   values (:userId, :passwordHash, :createdTs, :isAdmin, 0, :isGuest) on conflict (user_id) do nothing`,
);

/** Changes nothing when the account is deactivated. */
export const updatePassword = defineStatement<{ userId: string; passwordHash: string }>(
  'update users set password_hash = :passwordHash where user_id = :userId and is_deactivated = 0',
);

export const updateDeactivated = defineStatement<{ userId: string }>(
  `update users set is_deactivated = 1, is_admin = 0, password_hash = null, is_locked = 0, is_suspended = 0,
     is_leaving = 1
   where user_id = :userId`,
);

/** Accounts that ended, and are not known to have left all their rooms. */
export const selectUsersWhoLeave = defineStatement<Record<string, never>, { user_id: string }>(
  'select user_id from users where is_leaving = 1 order by user_id',
);

export const updateHasLeft = defineStatement<{ userId: string }>(
  'update users set is_leaving = 0 where user_id = :userId',
);

export const selectErasedUsers = defineStatement<
  Record<string, never>,
  { user_id: string; erased_position: number | null }
>('select user_id, erased_position from users where is_erased = 1');

interface Restriction {
  readonly userId: string;
  readonly isRestricted: number;
  readonly [name: string]: string | number;
}

/** Changes nothing when the account is deactivated. */
export const updateLocked = defineStatement<Restriction>(
  'update users set is_locked = :isRestricted where user_id = :userId and is_deactivated = 0',
);

/** Changes nothing when the account is deactivated. */
export const updateSuspended = defineStatement<Restriction>(
  'update users set is_suspended = :isRestricted where user_id = :userId and is_deactivated = 0',
);

/** Of an account that is over: what it wrote is given to nobody who did not have it. */
export const updateErased = defineStatement<{ userId: string; position: number }>(
  'update users set is_erased = 1, erased_position = :position where user_id = :userId',
);
