import { defineStatement } from '../statement.ts';

export interface AccessTokenRow {
  user_id: string;
  device_id: string;
  expires_ts: number | null;
}

export const selectAccessToken = defineStatement<{ tokenHash: Uint8Array }, AccessTokenRow>(
  'select user_id, device_id, expires_ts from access_tokens where token_hash = :tokenHash',
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
  passwordHash: string | null;
}>(
  `insert into access_tokens (token_hash, user_id, device_id, created_ts, expires_ts)
   select :tokenHash, user_id, :deviceId, :createdTs, null from users
   where user_id = :userId and is_deactivated = 0
     and coalesce(:passwordHash, password_hash, '') = coalesce(password_hash, '')`,
);

interface DeletedTokenRow {
  token_hash: Uint8Array;
}

export const deleteAccessTokens = defineStatement<{ userId: string; deviceIds: readonly string[] }, DeletedTokenRow>(
  `delete from access_tokens where user_id = :userId and device_id in (:...'deviceIds') returning token_hash`,
);

/** `keptDeviceId` is '' when none is kept. */
export const deleteAllAccessTokens = defineStatement<{ userId: string; keptDeviceId: string }, DeletedTokenRow>(
  'delete from access_tokens where user_id = :userId and device_id <> :keptDeviceId returning token_hash',
);
