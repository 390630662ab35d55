import { createCache } from '../../cache/create-cache.ts';
import type { Clock } from '../../platform/clock.ts';
import { insertIntoPushQueue } from '../../storage/queries/push-queue.ts';
import type { WriteTransaction } from '../../storage/storage.ts';
import type { RoomView } from '../rooms/projection.ts';
import { placeOf, type RoomEvent } from '../rooms/room-event.ts';
import type { PushOutcome } from './push-rule.ts';
import type { PushingUsers } from './pushing-users.ts';

/** Events kept between their decision and their publication; of one that is missing, the table tells. */
const MAX_EVENTS = 10_000;

export interface PushedEvent {
  readonly outcome: PushOutcome;
  readonly exceptions: ReadonlyMap<string, PushOutcome>;
}

/**
 * Writes down whom an event notifies on his devices, in the batch that carries the event: no crash loses it. Costs
 * nothing where nobody has a pusher, and one statement for all who have.
 */
export class PushQueue {
  readonly #users: PushingUsers;
  readonly #clock: Clock;
  readonly #byEvent = createCache<number, readonly string[]>(MAX_EVENTS);

  constructor(users: PushingUsers, clock: Clock) {
    this.#users = users;
    this.#clock = clock;
  }

  add(transaction: WriteTransaction, event: RoomEvent, { outcome, exceptions }: PushedEvent, room: RoomView): void {
    const { sender } = event.pdu;
    const userIds = this.#users
      .among(room.localJoined)
      .filter((userId) => userId !== sender && (exceptions.get(userId) ?? outcome).notifies);
    if (userIds.length === 0) return;
    const { writer, position, roomIndex } = placeOf(event);
    const place = { writer, position, roomNid: event.room.nid, roomIndex, eventNid: event.nid };
    transaction.run(insertIntoPushQueue, { userIds, ...place, queuedTs: this.#clock.nowMs() });
    this.#byEvent.set(event.nid, userIds);
  }

  /** Whom an event that was published notifies. */
  take(eventNid: number): readonly string[] {
    const userIds = this.#byEvent.get(eventNid) ?? [];
    this.#byEvent.delete(eventNid);
    return userIds;
  }
}
