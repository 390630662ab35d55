import type { JsonObject } from '@limpet/protocol/json';
import type { Clock } from '../../platform/clock.ts';
import {
  type PendingInviteRow,
  type QueuedPushRow,
  selectPendingInvites,
  selectQueuedPushes,
} from '../../storage/queries/push-queue.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import type { Badges } from './badges.ts';
import { countsBody, type NotificationBody, wantsCounts } from './notification-body.ts';
import type { PushJudge } from './push-judge.ts';
import type { PushAction } from './push-rule.ts';
import type { Pusher } from './pusher.ts';
import type { UnreadReader } from './unread-reader.ts';

/** A notification that could not be given for so long is none any more. */
export const MAX_PUSH_AGE_MS = 86_400_000;
/** Rows read at once, most of which may turn out to be read by now. */
const ROWS_PER_READ = 50;

/** The next thing that a pusher has to do. */
export interface PushTask {
  /** What the gateway is to be told; `undefined` where what stands up to `donePosition` needs no telling any more. */
  readonly body: JsonObject | undefined;
  readonly donePosition: number;
  /** What the gateway knows of unread counts once this is done. */
  readonly badge: number;
}

export interface PushTasksParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly events: EventStore;
  readonly unread: UnreadReader;
  readonly judge: PushJudge;
  readonly badges: Badges;
  readonly body: NotificationBody;
}

interface Pending {
  readonly position: number;
  readonly queued?: QueuedPushRow;
  readonly invite?: PendingInviteRow;
}

/** Finds out what a pusher has to tell: events in the order of the stream, then that less is unread. */
export class PushTasks {
  readonly #parts: PushTasksParts;

  constructor(parts: PushTasksParts) {
    this.#parts = parts;
  }

  /** `undefined` when there is nothing to do. */
  async next(pusher: Pusher): Promise<PushTask | undefined> {
    const pending = await this.#pending(pusher);
    for (const one of pending) {
      const told = await this.#toTell(pusher, one);
      if (told === undefined) continue;
      const badge = await this.#parts.badges.of(pusher.userId);
      const body = await this.#parts.body.of(pusher, { ...told, badge });
      return { body, donePosition: one.position, badge };
    }
    const last = pending.at(-1);
    if (last !== undefined) return { body: undefined, donePosition: last.position, badge: pusher.badge };
    return this.#fallenBadge(pusher);
  }

  async #fallenBadge(pusher: Pusher): Promise<PushTask | undefined> {
    if (pusher.badge === 0 || !wantsCounts(pusher)) return undefined;
    const badge = await this.#parts.badges.of(pusher.userId);
    if (badge >= pusher.badge) return undefined;
    return { body: countsBody(pusher, badge), donePosition: pusher.donePosition, badge };
  }

  async #pending({ userId, donePosition }: Pusher): Promise<readonly Pending[]> {
    const { storage } = this.#parts;
    const pending: Pending[] = [];
    // Bounded by what is published: a read that comes later must not go past what an earlier one did not see.
    for (const [writer, upTo] of storage.stream.current()) {
      const query = { userId, writer, after: donePosition, upTo, limit: ROWS_PER_READ };
      const [queued, invites] = await Promise.all([
        storage.read(selectQueuedPushes, query),
        storage.read(selectPendingInvites, query),
      ]);
      const end = Math.min(endOf(queued), endOf(invites));
      pending.push(...queued.map((row) => ({ position: row.position, queued: row })));
      pending.push(...invites.map((row) => ({ position: row.position, invite: row })));
      if (end < Number.POSITIVE_INFINITY) return inOrder(pending.filter(({ position }) => position <= end));
    }
    return inOrder(pending);
  }

  async #toTell(
    pusher: Pusher,
    { queued, invite }: Pending,
  ): Promise<{ event: RoomEvent; actions: readonly PushAction[] } | undefined> {
    const { events, judge } = this.#parts;
    const { userId } = pusher;
    if (queued !== undefined && !(await this.#isDue(userId, queued))) return undefined;
    const nid = queued?.event_nid ?? invite?.event_nid ?? 0;
    const event = (await events.byNids([nid])).get(nid);
    if (event === undefined || event.redactedBy !== undefined) return undefined;
    const actions = await judge.actions(userId, event);
    if (invite !== undefined && !actions.includes('notify')) return undefined;
    return { event, actions };
  }

  async #isDue(userId: string, row: QueuedPushRow): Promise<boolean> {
    const { clock, events, unread } = this.#parts;
    if (row.thread_id === null || row.queued_ts < clock.nowMs() - MAX_PUSH_AGE_MS) return false;
    const room = (await events.rooms([row.room_nid])).get(row.room_nid);
    if (room === undefined) return false;
    return !(await unread.isRead(room, userId, { roomIndex: row.room_index, threadId: row.thread_id }));
  }
}

/** Where a page that was cut ends: what comes after it was not read. */
function endOf(rows: readonly { readonly position: number }[]): number {
  const last = rows.length < ROWS_PER_READ ? undefined : rows.at(-1);
  return last?.position ?? Number.POSITIVE_INFINITY;
}

function inOrder(pending: readonly Pending[]): readonly Pending[] {
  return [...pending].sort((one, other) => one.position - other.position);
}
