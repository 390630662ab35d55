import { type DeviceId, parseDeviceId, type UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { deleteAccessTokens, deleteAllAccessTokens, insertAccessToken } from '../../storage/queries/access-tokens.ts';
import { deleteAllDevices, deleteDevices, insertDevice } from '../../storage/queries/devices.ts';
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
import { hashOfSecret, newAccessToken, newDeviceId } from './secrets.ts';

/** What a client says of the device that it logs in with. */
export interface DeviceRequest {
  /** A device of this name goes on, with a new token; `undefined` makes a new one. */
  readonly deviceId: string | undefined;
  /** For a new device alone. */
  readonly displayName: string | undefined;
  /** The address that the request came from. */
  readonly clientAddress: string | undefined;
}

export interface Session {
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  readonly accessToken: string;
}

/** A session that a transaction opens: its token is good once `finish` was called with the commit. */
export interface OpeningSession {
  readonly session: Session;
  readonly replaced: RowsToCome<{ token_hash: Uint8Array }>;
}

const USER_CAN_LOG_IN = 'the user can log in';

/**
 * A session is a device with its access token. Ending one takes the device with it, its keys and the messages that wait
 * for it. Specification: client-server API, "Relationship between access tokens and devices".
 */
export class Sessions {
  readonly #storage: Storage;
  readonly #platform: Platform;
  readonly #accessTokens: AccessTokens;

  constructor(storage: Storage, platform: Platform, accessTokens: AccessTokens) {
    this.#storage = storage;
    this.#platform = platform;
    this.#accessTokens = accessTokens;
  }

  /**
   * Opens a session. `passwordHash` is what the password was checked against: when it changed since, or the account was
   * deactivated, M_FORBIDDEN is thrown and there is no session.
   */
  async open(userId: UserId, device: DeviceRequest, passwordHash: string): Promise<Session> {
    try {
      const committed = await this.#storage.write((transaction) =>
        this.openWithin(transaction, { userId, device, passwordHash }),
      );
      return this.finish(committed.value, committed);
    } catch (error) {
      if (!(error instanceof ExpectationFailed) || error.expectation !== USER_CAN_LOG_IN) throw error;
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
    transaction.run(insertDevice, { userId, deviceId, displayName, createdTs, address });
    const replaced = transaction.fetch(deleteAccessTokens, { userId, deviceIds: [deviceId] });
    const tokenHash = hashOfSecret(accessToken);
    const token = { tokenHash, userId, deviceId, createdTs, passwordHash };
    transaction.expect(insertAccessToken, token, USER_CAN_LOG_IN);
    return { session: { userId, deviceId, accessToken }, replaced };
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
