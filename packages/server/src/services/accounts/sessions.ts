import { type DeviceId, parseDeviceId, type UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { deleteAccessTokens, deleteAllAccessTokens, insertAccessToken } from '../../storage/queries/access-tokens.ts';
import { deleteAllDevices, deleteDevices, insertDevice } from '../../storage/queries/devices.ts';
import { deleteRefreshTokens, insertRefreshToken } from '../../storage/queries/refresh-tokens.ts';
import {
  type Committed,
  ExpectationFailed,
  type RowsToCome,
  type Storage,
  type WriteTransaction,
} from '../../storage/storage.ts';
import type { AccessTokens } from './access-tokens.ts';
import { checkDeviceName } from './check-device-name.ts';
import { publishDeviceListChange } from './device-list-change.ts';
import { hashOfSecret, newAccessToken, newDeviceId, newRefreshToken } from './secrets.ts';
import { refreshTokenEnd, type TokenLifetimes } from './token-lifetimes.ts';

/** What a client says of the device that it logs in with. */
export interface DeviceRequest {
  /** A device of this name goes on, with a new token; `undefined` makes a new one. */
  readonly deviceId: string | undefined;
  /** For a new device alone. */
  readonly displayName: string | undefined;
  /** The address that the request came from. */
  readonly clientAddress: string | undefined;
  /** What the client says that it is. */
  readonly userAgent?: string | undefined;
  /** The client knows refresh tokens: it gets one, and an access token that ends. */
  readonly isRefreshable?: boolean;
}

export interface Session {
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  readonly accessToken: string;
  /** Only where the client knows refresh tokens. */
  readonly refreshing?: { readonly refreshToken: string; readonly expiresInMs: number };
}

/** A session that a transaction opens: its token is good once `finish` was called with the commit. */
export interface OpeningSession {
  readonly session: Session;
  readonly replaced: RowsToCome<{ token_hash: Uint8Array }>;
}

const DEVICE_ID_IS_FREE = 'the device ID names no key of the user';
const USER_CAN_LOG_IN = 'the user can log in';
/** What is kept of what a client says that it is. */
const MAX_USER_AGENT_LENGTH = 500;

/**
 * A session is a device with its access token. Ending one takes the device with it, its keys and the messages that wait
 * for it. Specification: client-server API, "Relationship between access tokens and devices".
 */
export class Sessions {
  readonly #storage: Storage;
  readonly #platform: Platform;
  readonly #accessTokens: AccessTokens;
  readonly #lifetimes: TokenLifetimes;

  constructor(parts: {
    readonly storage: Storage;
    readonly platform: Platform;
    readonly accessTokens: AccessTokens;
    readonly lifetimes: TokenLifetimes;
  }) {
    this.#storage = parts.storage;
    this.#platform = parts.platform;
    this.#accessTokens = parts.accessTokens;
    this.#lifetimes = parts.lifetimes;
  }

  /**
   * Opens a session. `passwordHash` is what the password was checked against: when it changed since, or the account was
   * deactivated, M_FORBIDDEN is thrown and there is no session; nor is there one for a device ID that is that of a
   * cross-signing key, or of a dehydrated device.
   */
  async open(userId: UserId, device: DeviceRequest, passwordHash: string): Promise<Session> {
    try {
      const committed = await this.#storage.write((transaction) =>
        this.openWithin(transaction, { userId, device, passwordHash }),
      );
      return this.finish(committed.value, committed);
    } catch (error) {
      if (!(error instanceof ExpectationFailed)) throw error;
      if (error.expectation === DEVICE_ID_IS_FREE) {
        throw new MatrixError('M_FORBIDDEN', 'This device ID names a key of yours. Log in with another one.');
      }
      if (error.expectation !== USER_CAN_LOG_IN) throw error;
      throw new MatrixError('M_FORBIDDEN', 'The password or the account changed a moment ago. Log in again.');
    }
  }

  /** Opens a session in a transaction of somebody else's. `finish` has to follow. */
  openWithin(
    transaction: WriteTransaction,
    request: { userId: UserId; device: DeviceRequest; passwordHash: string | null },
  ): OpeningSession {
    const { userId, device, passwordHash } = request;
    const { random, clock } = this.#platform;
    const deviceId = parseDeviceId(device.deviceId ?? newDeviceId(random));
    const displayName = checkDeviceName(device.displayName) ?? null;
    const accessToken = newAccessToken(random);
    const createdTs = clock.nowMs();
    const address = device.clientAddress ?? null;
    const userAgent = device.userAgent?.slice(0, MAX_USER_AGENT_LENGTH) ?? null;
    const row = { userId, deviceId, displayName, createdTs, address, userAgent };
    transaction.expect(insertDevice, row, DEVICE_ID_IS_FREE);
    const replaced = transaction.fetch(deleteAccessTokens, { userId, deviceIds: [deviceId] });
    transaction.run(deleteRefreshTokens, { userId, deviceId });
    const refreshing =
      device.isRefreshable === true ? this.#refreshingWithin(transaction, userId, deviceId) : undefined;
    const expiresTs = refreshing === undefined ? null : createdTs + refreshing.expiresInMs;
    const token = { tokenHash: hashOfSecret(accessToken), userId, deviceId, createdTs, expiresTs, passwordHash };
    transaction.expect(insertAccessToken, token, USER_CAN_LOG_IN);
    const session = { userId, deviceId, accessToken, ...(refreshing === undefined ? {} : { refreshing }) };
    return { session, replaced };
  }

  #refreshingWithin(transaction: WriteTransaction, userId: UserId, deviceId: DeviceId): Session['refreshing'] {
    const { random, clock } = this.#platform;
    const refreshToken = newRefreshToken(random);
    const expiresTs = refreshTokenEnd(this.#lifetimes, clock.nowMs());
    const tokenHash = hashOfSecret(refreshToken);
    transaction.run(insertRefreshToken, { tokenHash, userId, deviceId, expiresTs, replaces: null });
    return { refreshToken, expiresInMs: this.#lifetimes.accessTokenMs };
  }

  finish(opening: OpeningSession, committed: Committed<unknown>): Session {
    this.#dropTokens(committed, opening.replaced);
    return opening.session;
  }

  /** Ends the sessions of these devices; those that do not exist are passed over. */
  async close(userId: UserId, deviceIds: readonly string[]): Promise<void> {
    if (deviceIds.length === 0) return;
    const committed = await this.#storage.write((transaction) => {
      for (const statement of deleteDevices) transaction.run(statement, { userId, deviceIds });
      publishDeviceListChange(transaction, userId);
      return transaction.fetch(deleteAccessTokens, { userId, deviceIds });
    });
    this.#dropTokens(committed, committed.value);
  }

  /** Ends all sessions of the user. */
  async closeAll(userId: UserId): Promise<void> {
    await this.writeAndCloseAll(userId, undefined, () => {});
  }

  /** Ends all sessions of the user but one, in one transaction with what `build` does. */
  async writeAndCloseAll(
    userId: UserId,
    keptDeviceId: string | undefined,
    build: (transaction: WriteTransaction) => void,
  ): Promise<void> {
    const which = { userId, keptDeviceId: keptDeviceId ?? '' };
    const committed = await this.#storage.write((transaction) => {
      build(transaction);
      for (const statement of deleteAllDevices) transaction.run(statement, which);
      publishDeviceListChange(transaction, userId);
      return transaction.fetch(deleteAllAccessTokens, which);
    });
    this.#dropTokens(committed, committed.value);
  }

  #dropTokens(committed: Committed<unknown>, deleted: RowsToCome<{ token_hash: Uint8Array }>): void {
    this.#accessTokens.drop(committed.rows(deleted).map((row) => row.token_hash));
  }
}
