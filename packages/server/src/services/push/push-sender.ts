import type { Platform } from '../../platform/platform.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { deleteOldPushes, selectUsersToPush } from '../../storage/queries/push-queue.ts';
import { RowSweeper } from '../../storage/row-sweeper.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Badges } from './badges.ts';
import type { PushGateway } from './push-gateway.ts';
import type { PushQueue } from './push-queue.ts';
import { MAX_PUSH_AGE_MS, type PushTasks } from './push-tasks.ts';
import { PusherRunner } from './pusher-runner.ts';
import type { PushingUsers } from './pushing-users.ts';

/** Users that one statement reads at the start. */
const USERS_PER_READ = 1_000;
/** After the database failed. */
const WAKE_AGAIN_MS = 5_000;
const SWEEP_EVERY_MS = 600_000;

export interface PushSenderParts {
  readonly storage: Storage;
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'random' | 'log'>;
  readonly users: PushingUsers;
  readonly queue: PushQueue;
  readonly tasks: PushTasks;
  readonly badges: Badges;
  readonly gateway: PushGateway;
}

/**
 * Tells push gateways what notifies whom. What is to be told stands in the tables (`push_queue`, and invites that
 * wait); this follows the stream to hear of it at once. In memory are only pushers with something to do.
 */
export class PushSender {
  readonly #parts: PushSenderParts;
  readonly #runners = new Map<number, PusherRunner>();
  readonly #sweeper: RowSweeper;
  readonly #unfollow: () => void;
  /** Users whose pushers could not be read. */
  readonly #unwoken = new Set<string>();
  #isStopped = false;

  /** Memberships, unread counts and whatever tasks read have to follow the stream already. */
  constructor(parts: PushSenderParts) {
    this.#parts = parts;
    this.#unfollow = parts.storage.stream.follow((changes) => {
      for (const change of changes) this.#note(change);
    });
    this.#sweeper = new RowSweeper({
      platform: parts.platform,
      storage: parts.storage,
      rows: 'notifications that nobody took',
      everyMs: SWEEP_EVERY_MS,
      remove: (transaction, nowMs, limit) =>
        transaction.fetch(deleteOldPushes, { queuedBefore: nowMs - MAX_PUSH_AGE_MS, limit }),
    });
  }

  /** Goes on with what was not told when the server stopped. */
  async start(): Promise<void> {
    this.#sweeper.start();
    let after = '';
    for (;;) {
      const rows = await this.#parts.storage.read(selectUsersToPush, { after, limit: USERS_PER_READ });
      for (const row of rows) this.#wake(row.user_id);
      const last = rows.at(-1);
      if (last === undefined || rows.length < USERS_PER_READ) return;
      after = last.user_id;
    }
  }

  /** A pusher was set anew: whoever waits for its gateway tries the one that it has now. */
  noteSet(userId: string): void {
    for (const runner of this.#runners.values()) if (runner.userId === userId) runner.input({ kind: 'set' });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unfollow();
    this.#parts.gateway.stop();
    await this.#sweeper.stop();
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop()));
  }

  #note(change: PublishedChange): void {
    const { users, queue, badges } = this.#parts;
    switch (change.kind) {
      case 'event':
        for (const userId of queue.take(change.eventNid)) {
          badges.note(userId, change.roomId);
          this.#wake(userId);
        }
        if (change.type === 'm.room.redaction') badges.noteRedaction(change.roomId);
        // Who sends something has read what was before it.
        this.#noteFall(change.sender, change.roomId);
        return;
      case 'receipt':
        this.#noteFall(change.userId, change.roomId);
        return;
      case 'membership':
        if (!users.has(change.userId)) return;
        badges.note(change.userId, change.roomId);
        this.#wake(change.userId);
    }
  }

  #noteFall(userId: string, roomId: string): void {
    if (this.#parts.users.has(userId) && this.#parts.badges.note(userId, roomId)) this.#wake(userId);
  }

  #wake(userId: string): void {
    this.#wakeAll(userId).catch((error) => {
      // The next start finds in the tables what is to be told.
      if (this.#isStopped) return;
      this.#parts.platform.log.warn('The pushers of a user could not be read; trying again', { error });
      if (this.#unwoken.size === 0) this.#parts.platform.timers.after(WAKE_AGAIN_MS, () => this.#wakeAgain());
      this.#unwoken.add(userId);
    });
  }

  #wakeAgain(): void {
    const userIds = [...this.#unwoken];
    this.#unwoken.clear();
    for (const userId of userIds) this.#wake(userId);
  }

  async #wakeAll(userId: string): Promise<void> {
    if (this.#isStopped) return;
    for (const pusher of await this.#parts.users.pushersOf(userId)) {
      if (this.#isStopped) return;
      let runner = this.#runners.get(pusher.nid);
      if (runner === undefined) {
        const onIdle = (nid: number) => this.#runners.delete(nid);
        runner = new PusherRunner({ ...this.#parts, onIdle }, pusher);
        this.#runners.set(pusher.nid, runner);
      }
      runner.input({ kind: 'news' });
    }
  }
}
