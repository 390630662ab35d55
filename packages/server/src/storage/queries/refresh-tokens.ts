import { defineStatement } from '../statement.ts';

export interface RefreshTokenRow {
  user_id: string;
  device_id: string;
  expires_ts: number | null;
  replaces: Uint8Array | null;
  is_used: number;
  is_locked: number;
}

export const selectRefreshToken = defineStatement<{ tokenHash: Uint8Array }, RefreshTokenRow>(
  `select refresh_tokens.user_id, refresh_tokens.device_id, refresh_tokens.expires_ts, refresh_tokens.replaces,
     refresh_tokens.is_used, users.is_locked
   from refresh_tokens join users on users.user_id = refresh_tokens.user_id
   where refresh_tokens.token_hash = :tokenHash`,
);

export const insertRefreshToken = defineStatement<{
  tokenHash: Uint8Array;
  userId: string;
  deviceId: string;
  expiresTs: number | null;
  replaces: Uint8Array | null;
}>(
  `insert into refresh_tokens (token_hash, user_id, device_id, expires_ts, replaces, is_used)
   values (:tokenHash, :userId, :deviceId, :expiresTs, :replaces, 0)`,
);

export const deleteRefreshTokens = defineStatement<{ userId: string; deviceId: string }>(
  'delete from refresh_tokens where user_id = :userId and device_id = :deviceId',
);

interface Refreshed {
  readonly userId: string;
  readonly deviceId: string;
  readonly refreshHash: Uint8Array;
  readonly [name: string]: string | Uint8Array;
}

/** What was got with this refresh token before and was never used. */
export const deleteUnusedRefreshTokens = defineStatement<Refreshed>(
  'delete from refresh_tokens where user_id = :userId and device_id = :deviceId and replaces = :refreshHash',
);

/** The three steps by which a refresh token is used up, to be run in this order. */
export const useUpRefreshToken = [
  defineStatement<Refreshed>(
    `delete from refresh_tokens
     where user_id = :userId and device_id = :deviceId and is_used = 1 and token_hash <> :refreshHash`,
  ),
  defineStatement<Refreshed>(
    `update refresh_tokens set is_used = 1
     where user_id = :userId and device_id = :deviceId and token_hash = :refreshHash`,
  ),
  defineStatement<Refreshed>(
    `update refresh_tokens set replaces = null
     where user_id = :userId and device_id = :deviceId and replaces = :refreshHash`,
  ),
];
