import { defineStatement } from '../statement.ts';

const IS_USABLE = '(uses_left is null or uses_left > 0) and (expires_ts is null or expires_ts > :now)';

export const selectUsableRegistrationToken = defineStatement<
  { tokenHash: Uint8Array; now: number },
  { grants_admin: number }
>(`select grants_admin from registration_tokens where token_hash = :tokenHash and ${IS_USABLE}`);

export const selectAnyUsableRegistrationToken = defineStatement<{ now: number }, { grants_admin: number }>(
  `select grants_admin from registration_tokens where ${IS_USABLE} limit 1`,
);

export const insertRegistrationToken = defineStatement<{
  tokenHash: Uint8Array;
  usesLeft: number | null;
  expiresTs: number | null;
  grantsAdmin: number;
}>(
  `insert into registration_tokens (token_hash, uses_left, expires_ts, grants_admin)
   values (:tokenHash, :usesLeft, :expiresTs, :grantsAdmin)`,
);

/** Takes one use. Changes nothing when none is left. */
export const useRegistrationToken = defineStatement<{ tokenHash: Uint8Array; now: number }>(
  `update registration_tokens set uses_left = uses_left - 1 where token_hash = :tokenHash and ${IS_USABLE}`,
);

export const deleteAdministratorTokens = defineStatement<Record<string, never>>(
  'delete from registration_tokens where grants_admin = 1',
);
