import { deleteRefreshedAccessTokens, updateAccessTokensInUse } from '../../storage/queries/access-tokens.ts';
import { useUpRefreshToken } from '../../storage/queries/refresh-tokens.ts';
import type { RowsToCome, WriteTransaction } from '../../storage/storage.ts';

/**
 * What was got with a refresh token is used for the first time: that refresh token ends, and with it what the device
 * had before. Two requests may come at once: the second changes nothing. The access tokens that ended or are to be read
 * anew.
 */
export function useUpRefreshTokenWithin(
  transaction: WriteTransaction,
  refreshed: { readonly userId: string; readonly deviceId: string; readonly refreshHash: Uint8Array },
): RowsToCome<{ token_hash: Uint8Array }>[] {
  const ended = [
    transaction.fetch(deleteRefreshedAccessTokens, refreshed),
    transaction.fetch(updateAccessTokensInUse, refreshed),
  ];
  for (const statement of useUpRefreshToken) transaction.run(statement, refreshed);
  return ended;
}
