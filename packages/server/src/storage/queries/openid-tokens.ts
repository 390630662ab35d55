import { defineStatement } from '../statement.ts';

export const insertOpenIdToken = defineStatement<{ tokenHash: Uint8Array; userId: string; expiresTs: number }>(
  'insert into openid_tokens (token_hash, user_id, expires_ts) values (:tokenHash, :userId, :expiresTs)',
);

/** The user of a token that holds; nobody's where the account has ended. */
export const selectOpenIdToken = defineStatement<{ tokenHash: Uint8Array; nowMs: number }, { user_id: string }>(
  `select users.user_id from openid_tokens join users on users.user_id = openid_tokens.user_id
   where openid_tokens.token_hash = :tokenHash and openid_tokens.expires_ts > :nowMs and users.is_deactivated = 0`,
);

/** All but the youngest of a user. */
export const deleteSurplusOpenIdTokens = defineStatement<{ userId: string; kept: number }>(
  `delete from openid_tokens where user_id = :userId and token_hash not in (
     select token_hash from openid_tokens where user_id = :userId order by expires_ts desc, token_hash limit :kept)`,
);

export const deleteExpiredOpenIdTokens = defineStatement<{ nowMs: number; limit: number }, { token_hash: Uint8Array }>(
  `delete from openid_tokens where token_hash in (
     select token_hash from openid_tokens where expires_ts <= :nowMs order by expires_ts limit :limit)
   returning token_hash`,
);
