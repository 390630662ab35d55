import { MatrixError } from '@limpet/protocol/matrix-error';
import {
  selectThreadSubscription,
  selectThreadSubscriptionsBetween,
  subscribeAutomatically,
  subscribeByHand,
  type ThreadSubscriptionChangeRow,
  unsubscribe,
} from '../../storage/queries/thread-subscriptions.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import type { StreamVector } from '../../storage/stream.ts';
import { relationOf } from '../rooms/event-relation.ts';
import type { RoomHistory } from '../rooms/room-history.ts';

/** Most changes in one page, whatever is asked for. */
const MAX_CHANGES_PER_PAGE = 500;

/** A thread, as the user who looks at it names it. */
export interface ThreadOfUser {
  readonly userId: string;
  readonly roomId: string;
  /** The event ID of the thread's root. */
  readonly rootId: string;
}

export interface ThreadSubscriptionsPage {
  /** The newest first. */
  readonly changes: readonly ThreadSubscriptionChangeRow[];
  /** What is older stands up to here; `undefined` when this was all. */
  readonly olderUpTo: StreamVector | undefined;
}

/** Which threads a user follows. Specification: MSC4306, and MSC4308 for how devices hear of it. */
export class ThreadSubscriptions {
  readonly #storage: Storage;
  readonly #history: Pick<RoomHistory, 'event'>;

  constructor(storage: Storage, history: Pick<RoomHistory, 'event'>) {
    this.#storage = storage;
    this.#history = history;
  }

  /** Throws M_NOT_FOUND where the user may not see the root, or is not subscribed. */
  async find(thread: ThreadOfUser): Promise<{ isAutomatic: boolean }> {
    await this.#checkRoot(thread);
    const [row] = await this.#storage.read(selectThreadSubscription, keyOf(thread));
    if (row?.is_subscribed !== 1) throw new MatrixError('M_NOT_FOUND', 'You are not subscribed to this thread.');
    return { isAutomatic: row.is_automatic === 1 };
  }

  /** The user wants it, whatever clients do by themselves. Throws M_NOT_FOUND for a root not to be seen. */
  async subscribe(thread: ThreadOfUser): Promise<void> {
    await this.#checkRoot(thread);
    await this.#change(thread, (transaction, place) =>
      transaction.expect(subscribeByHand, { ...keyOf(thread), ...place }, 'not subscribed by hand'),
    );
  }

  /**
   * A client subscribes because of an event, a mention say. It comes too late where the user unsubscribed after that
   * event: a device that slept must not bring back what he put away. What is subscribed stays as it is.
   * Throws M_NOT_FOUND where the user may not see the root or the event, IO.ELEMENT.MSC4306.M_NOT_IN_THREAD,
   * IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION.
   */
  async subscribeBecauseOf(thread: ThreadOfUser, causeId: string): Promise<void> {
    await this.#checkRoot(thread);
    const cause = await this.#history.event(thread.roomId, causeId, thread.userId);
    const relation = relationOf(cause.pdu);
    if (relation?.type !== 'm.thread' || relation.eventId !== thread.rootId || cause.place === undefined) {
      throw new MatrixError('IO.ELEMENT.MSC4306.M_NOT_IN_THREAD', '"automatic" must name an event of this thread.');
    }
    const { writer: causeWriter, position: causePosition } = cause.place;
    const isChanged = await this.#change(thread, (transaction, place) => {
      const row = { ...keyOf(thread), ...place, causeWriter, causePosition };
      transaction.expect(subscribeAutomatically, row, 'not subscribed, and not unsubscribed since');
    });
    if (isChanged) return;
    const [row] = await this.#storage.read(selectThreadSubscription, keyOf(thread));
    if (row?.is_subscribed === 1) return;
    throw new MatrixError(
      'IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION',
      'You unsubscribed from this thread after that event came.',
    );
  }

  /** Nothing happens where the user is not subscribed. Throws M_NOT_FOUND for a root not to be seen. */
  async unsubscribe(thread: ThreadOfUser): Promise<void> {
    await this.#checkRoot(thread);
    await this.#change(thread, (transaction, place) =>
      transaction.expect(unsubscribe, { ...keyOf(thread), ...place }, 'subscribed'),
    );
  }

  /**
   * How the subscriptions of this user stand that changed after one vector (`undefined`: since ever) and up to another,
   * the newest `limit` of them (at least 1).
   */
  async changed(
    userId: string,
    { since, upTo }: { readonly since: StreamVector | undefined; readonly upTo: StreamVector },
    limit: number,
  ): Promise<ThreadSubscriptionsPage> {
    const size = Math.min(Math.max(limit, 1), MAX_CHANGES_PER_PAGE);
    const changes: ThreadSubscriptionChangeRow[] = [];
    const olderUpTo = new Map(since);
    let isCut = false;
    for (const [writer, last] of upTo) {
      const left = size - changes.length;
      const range = { userId, writer, after: since?.get(writer) ?? 0, upTo: last, limit: left + 1 };
      const rows = await this.#storage.read(selectThreadSubscriptionsBetween, range);
      changes.push(...rows.slice(0, left));
      const next = rows[left];
      if (next === undefined) continue;
      olderUpTo.set(writer, next.position);
      isCut = true;
    }
    return { changes, olderUpTo: isCut ? olderUpTo : undefined };
  }

  async #checkRoot({ userId, roomId, rootId }: ThreadOfUser): Promise<void> {
    await this.#history.event(roomId, rootId, userId);
  }

  /** Whether there was anything to change. */
  async #change(
    { userId, roomId }: ThreadOfUser,
    expect: (transaction: WriteTransaction, place: { writer: number; position: number }) => void,
  ): Promise<boolean> {
    const writing = this.#storage.write((transaction) => {
      const position = transaction.publish({ kind: 'thread-subscription', userId, roomId });
      expect(transaction, { writer: transaction.writer, position });
    });
    return writing.then(
      () => true,
      (error) => {
        if (!(error instanceof ExpectationFailed)) throw error;
        return false;
      },
    );
  }
}

function keyOf({ userId, roomId, rootId }: ThreadOfUser) {
  return { userId, roomId, rootId };
}
