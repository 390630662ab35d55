import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { deleteUnusedAccessTokens, insertRefreshedAccessToken } from '../../storage/queries/access-tokens.ts';
import {
  deleteUnusedRefreshTokens,
  insertRefreshToken,
  type RefreshTokenRow,
  selectRefreshToken,
} from '../../storage/queries/refresh-tokens.ts';
import { ExpectationFailed, type RowsToCome, type Storage } from '../../storage/storage.ts';
import type { AccessTokens } from './access-tokens.ts';
import { accountLocked } from './account-locked.ts';
import { hashOfSecret, newAccessToken, newRefreshToken } from './secrets.ts';
import { refreshTokenEnd, type TokenLifetimes } from './token-lifetimes.ts';
import { useUpRefreshTokenWithin } from './use-up-refresh-token.ts';

export interface RefreshTokensParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly accessTokens: AccessTokens;
  readonly lifetimes: TokenLifetimes;
}

export interface RefreshedTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresInMs: number;
}

const TOKEN_HOLDS = 'the refresh token holds';

/**
 * Gives new access tokens for refresh tokens. A refresh token holds until what was got with it is used: a client that
 * never saw the answer asks again. What it got in vain ends then, so a device has two of each kind at most.
 * Specification: client-server API, "Refreshing access tokens".
 */
export class RefreshTokens {
  readonly #parts: RefreshTokensParts;

  constructor(parts: RefreshTokensParts) {
    this.#parts = parts;
  }

  /**
   * Throws M_UNKNOWN_TOKEN where nobody has this token, with `soft_logout` where it ended and its session goes on;
   * M_USER_LOCKED.
   */
  async refresh(refreshToken: string): Promise<RefreshedTokens> {
    const tokenHash = hashOfSecret(refreshToken);
    const [row] = await this.#parts.storage.read(selectRefreshToken, { tokenHash });
    if (row === undefined) throw refused('This refresh token is not known here. Log in again.', false);
    if (row.is_locked === 1) throw accountLocked();
    if (row.is_used === 1) throw refused('This refresh token was used already. Log in again.', true);
    if (row.expires_ts !== null && row.expires_ts <= this.#parts.platform.clock.nowMs()) {
      throw refused('This refresh token has expired. Log in again.', true);
    }
    try {
      return await this.#write(row, tokenHash);
    } catch (error) {
      if (!(error instanceof ExpectationFailed) || error.expectation !== TOKEN_HOLDS) throw error;
      // What was got with it came into use, and the session goes on; or the device is gone, and the token too.
      const isThere = (await this.#parts.storage.read(selectRefreshToken, { tokenHash })).length > 0;
      throw refused('This refresh token ended a moment ago. Log in again.', isThere);
    }
  }

  async #write(row: RefreshTokenRow, refreshHash: Uint8Array): Promise<RefreshedTokens> {
    const { storage, accessTokens, lifetimes, platform } = this.#parts;
    const { random, clock } = platform;
    const accessToken = newAccessToken(random);
    const refreshToken = newRefreshToken(random);
    const device = { userId: row.user_id, deviceId: row.device_id };
    const nowMs = clock.nowMs();
    const committed = await storage.write((transaction) => {
      const ended: RowsToCome<{ token_hash: Uint8Array }>[] = [];
      if (row.replaces !== null) {
        ended.push(...useUpRefreshTokenWithin(transaction, { ...device, refreshHash: row.replaces }));
      }
      ended.push(transaction.fetch(deleteUnusedAccessTokens, { ...device, refreshHash }));
      transaction.run(deleteUnusedRefreshTokens, { ...device, refreshHash });
      const tokenHash = hashOfSecret(accessToken);
      const expiresTs = nowMs + lifetimes.accessTokenMs;
      const token = { tokenHash, refreshHash, createdTs: nowMs, expiresTs };
      transaction.expect(insertRefreshedAccessToken, token, TOKEN_HOLDS);
      transaction.run(insertRefreshToken, {
        ...device,
        tokenHash: hashOfSecret(refreshToken),
        expiresTs: refreshTokenEnd(lifetimes, nowMs),
        replaces: refreshHash,
      });
      return ended;
    });
    accessTokens.drop(committed.value.flatMap((rows) => committed.rows(rows)).map((ended) => ended.token_hash));
    return { accessToken, refreshToken, expiresInMs: lifetimes.accessTokenMs };
  }
}

function refused(text: string, softLogout: boolean): MatrixError {
  return new MatrixError('M_UNKNOWN_TOKEN', text, { extra: softLogout ? { soft_logout: true } : {} });
}
