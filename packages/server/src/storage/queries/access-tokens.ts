import { defineStatement } from '../statement.ts';

export interface AccessTokenRow {
  user_id: string;
  device_id: string;
  expires_ts: number | null;
  refreshed_by: Uint8Array | null;
  is_guest: number;
  is_locked: number;
  is_suspended: number;
}

export const selectAccessToken = defineStatement<{ tokenHash: Uint8Array }, AccessTokenRow>(
  `select access_tokens.user_id, access_tokens.device_id, access_tokens.expires_ts, access_tokens.refreshed_by,
     users.is_guest, users.is_locked, users.is_suspended
   from access_tokens join users on users.user_id = access_tokens.user_id
   where access_tokens.token_hash = :tokenHash`,
);

/**
 * Changes nothing when the account is deactivated, or when its password is no more the one that was checked
 * (`passwordHash`; null when no password was asked for): a login must not outlive a reset that overtook it.
 */
export const insertAccessToken = defineStatement<{
  tokenHash: Uint8Array;
  userId: string;
  deviceId: string;
  createdTs: number;
  expiresTs: number | null;
  passwordHash: string | null;
}>(
  `insert into access_tokens (token_hash, user_id, device_id, created_ts, expires_ts)
   select :tokenHash, user_id, :deviceId, :createdTs, :expiresTs from users
   where user_id = :userId and is_deactivated = 0
     and coalesce(:passwordHash, password_hash, '') = coalesce(password_hash, '')`,
);

interface TokenHashRow {
  token_hash: Uint8Array;
}

export const deleteAccessTokens = defineStatement<{ userId: string; deviceIds: readonly string[] }, TokenHashRow>(
  `delete from access_tokens where user_id = :userId and device_id in (:...'deviceIds') returning token_hash`,
);

/** `keptDeviceId` is '' when none is kept. */
export const deleteAllAccessTokens = defineStatement<{ userId: string; keptDeviceId: string }, TokenHashRow>(
  'delete from access_tokens where user_id = :userId and device_id <> :keptDeviceId returning token_hash',
);

/** An access token got with a refresh token. Changes nothing when that one does not hold any more. */
export const insertRefreshedAccessToken = defineStatement<{
  tokenHash: Uint8Array;
  refreshHash: Uint8Array;
  createdTs: number;
  expiresTs: number;
}>(
  `insert into access_tokens (token_hash, user_id, device_id, created_ts, expires_ts, refreshed_by)
   select :tokenHash, user_id, device_id, :createdTs, :expiresTs, token_hash from refresh_tokens
   where token_hash = :refreshHash and is_used = 0`,
);

interface Refreshed {
  readonly userId: string;
  readonly deviceId: string;
  readonly refreshHash: Uint8Array;
  readonly [name: string]: string | Uint8Array;
}

/** What was got with this refresh token before and was never used. */
export const deleteUnusedAccessTokens = defineStatement<Refreshed, TokenHashRow>(
  `delete from access_tokens where user_id = :userId and device_id = :deviceId and refreshed_by = :refreshHash
   returning token_hash`,
);

/** All of the device but what was got with this refresh token, unless that is used up already. */
export const deleteRefreshedAccessTokens = defineStatement<Refreshed, TokenHashRow>(
  `delete from access_tokens where user_id = :userId and device_id = :deviceId
     and (refreshed_by is null or refreshed_by <> :refreshHash)
     and exists (select 1 from refresh_tokens where token_hash = :refreshHash and is_used = 0)
   returning token_hash`,
);

/** What was got with this refresh token is in use. */
export const updateAccessTokensInUse = defineStatement<Refreshed, TokenHashRow>(
  `update access_tokens set refreshed_by = null
   where user_id = :userId and device_id = :deviceId and refreshed_by = :refreshHash
   returning token_hash`,
);
