import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Clock } from '../../platform/clock.ts';
import { confirmDevice } from '../../storage/queries/device-keys.ts';
import {
  deletePusher,
  deletePushersOfOthers,
  selectPushersOfUser,
  upsertPusher,
} from '../../storage/queries/pushers.ts';
import { ExpectationFailed, type Storage } from '../../storage/storage.ts';
import { checkPusher, checkPusherKey, type PusherToSet } from './check-pusher.ts';
import type { PushingUsers } from './pushing-users.ts';

/** Of one user. Each gets every notification of his. */
const MAX_PUSHERS = 50;

const DEVICE_EXPECTATION = 'the device exists';

export interface PushersParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly users: PushingUsers;
  /** Gateways in a closed network: they may speak plain HTTP. */
  readonly allowsPlainHttp: boolean;
  /** A pusher was set, perhaps with another gateway than before. */
  readonly onSet: (userId: string) => void;
}

/** A device that sets a pusher, or removes one. */
export interface PusherOwner {
  readonly userId: string;
  readonly deviceId: string;
}

/**
 * The pushers of local users. One goes with the device that set it last: whoever ends its session ends its pushers.
 * Specification: client-server API, "Push Notifications".
 */
export class Pushers {
  readonly #parts: PushersParts;

  constructor(parts: PushersParts) {
    this.#parts = parts;
  }

  /** Each as JSON text. */
  async list(userId: string): Promise<readonly string[]> {
    const rows = await this.#parts.storage.read(selectPushersOfUser, { userId });
    return rows.map((row) => row.json);
  }

  /**
   * `append` leaves the pushers that other users have for the same installation; otherwise somebody else uses it now.
   *
   * @throws MatrixError M_INVALID_PARAM, M_MISSING_PARAM, M_TOO_LARGE, M_FORBIDDEN; M_UNKNOWN_TOKEN where
   *   the device was logged out meanwhile: nothing would ever remove its pusher
   */
  async set(owner: PusherOwner, pusher: PusherToSet, { append }: { append: boolean }): Promise<void> {
    const { storage, clock, users, allowsPlainHttp, onSet } = this.#parts;
    const { userId, deviceId } = owner;
    const { app_id: appId, pushkey } = pusher;
    const json = checkPusher(pusher, { allowsPlainHttp });
    const known = await storage.read(selectPushersOfUser, { userId });
    const isKnown = known.some((row) => row.app_id === appId && row.pushkey === pushkey);
    if (!isKnown && known.length >= MAX_PUSHERS) throw tooMany();
    users.add(userId);
    const writing = storage.write((transaction) => {
      transaction.expect(confirmDevice, { userId, deviceId }, DEVICE_EXPECTATION);
      if (!append) transaction.run(deletePushersOfOthers, { userId, appId, pushkey });
      const numbers = { pusherNid: transaction.allocate(), donePosition: transaction.allocate() };
      transaction.run(upsertPusher, { ...numbers, userId, deviceId, appId, pushkey, json, setTs: clock.nowMs() });
    });
    await writing.catch((error) => {
      throw error instanceof ExpectationFailed && error.expectation === DEVICE_EXPECTATION ? loggedOut() : error;
    });
    onSet(userId);
  }

  /** One that is not there is removed already. @throws MatrixError M_INVALID_PARAM */
  async remove(userId: string, pusher: Pick<PusherToSet, 'app_id' | 'pushkey'>): Promise<void> {
    checkPusherKey(pusher);
    const { app_id: appId, pushkey } = pusher;
    await this.#parts.storage.write((transaction) => transaction.run(deletePusher, { userId, appId, pushkey }));
  }
}

function loggedOut(): MatrixError {
  return new MatrixError('M_UNKNOWN_TOKEN', 'This device was logged out a moment ago. Log in again.');
}

/** Not M_RESOURCE_LIMIT_EXCEEDED: that is of the whole server, and sends the user to its administrator. */
function tooMany(): MatrixError {
  const message = `You may have ${MAX_PUSHERS} pushers at most. Remove one that you need no more.`;
  return new MatrixError('M_FORBIDDEN', message);
}
