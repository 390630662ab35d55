import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import { deleteDonePushes } from '../../storage/queries/push-queue.ts';
import { deleteRejectedPusher, updatePusherDone, updatePusherFailed } from '../../storage/queries/pushers.ts';
import type { Storage } from '../../storage/storage.ts';
import type { PushGateway } from './push-gateway.ts';
import type { PushTask, PushTasks } from './push-tasks.ts';
import type { Pusher } from './pusher.ts';
import { type PusherEffect, type PusherInput, type PusherState, stepPusher } from './pusher-state.ts';
import type { PushingUsers } from './pushing-users.ts';

/**
 * A gateway that finds fault with a notification is asked so often; then it does without it. That it was out of reach
 * meanwhile does not count, nor does what it said of another notification. Nothing of it ends the pusher: a gateway
 * that wants no more of one says so (`rejected`).
 */
const MAX_REFUSALS = 3;
/** The clock is looked at again after this long, since it may have been set. */
const MAX_WAIT_MS = 600_000;
const CHANCE_BYTES = 4;

export interface PusherRunnerParts {
  readonly storage: Storage;
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'random' | 'log'>;
  readonly users: PushingUsers;
  readonly tasks: PushTasks;
  readonly gateway: PushGateway;
  /** There is nothing left to do: the runner can be forgotten. */
  readonly onIdle: (pusherNid: number) => void;
}

/** Does the work of one pusher, one thing after the other, as long as there is any. */
export class PusherRunner {
  readonly #parts: PusherRunnerParts;
  readonly userId: string;
  readonly #nid: number;
  #state: PusherState;
  #timer: Timer | undefined;
  #working: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** How often the gateway found fault with what stands there. */
  #refused = { position: -1, times: 0 };

  constructor(parts: PusherRunnerParts, { nid, userId, failures, nextTryMs }: Pusher) {
    this.#parts = parts;
    this.#nid = nid;
    this.userId = userId;
    const isBackingOff = failures > 0 && nextTryMs > parts.platform.clock.nowMs();
    this.#state = isBackingOff ? { name: 'backing-off', failures, retryAtMs: nextTryMs } : { name: 'idle' };
    if (isBackingOff) this.#wait();
  }

  input(input: PusherInput): void {
    if (this.#isStopped) return;
    if (input.kind === 'set') this.#refused = { position: -1, times: 0 };
    const { state, effects } = stepPusher(this.#state, input, this.#parts.platform.clock.nowMs());
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  /** What is under way has to be ended by who owns the gateway. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#working;
  }

  #perform(effect: PusherEffect): void {
    switch (effect) {
      case 'work':
        this.#working = this.#work().then((input) => this.input(input));
        return;
      case 'wait':
        this.#wait();
        return;
      case 'cancel':
        this.#timer?.cancel();
        return;
      case 'release':
        this.#parts.onIdle(this.#nid);
    }
  }

  #wait(): void {
    if (this.#state.name !== 'backing-off') return;
    const { clock, timers } = this.#parts.platform;
    const { retryAtMs } = this.#state;
    const leftMs = retryAtMs - clock.nowMs();
    this.#timer?.cancel();
    this.#timer = timers.after(Math.max(0, Math.min(leftMs, MAX_WAIT_MS)), () => {
      if (retryAtMs > clock.nowMs()) this.#wait();
      else this.input({ kind: 'due' });
    });
  }

  async #work(): Promise<PusherInput> {
    const { users, tasks, platform } = this.#parts;
    try {
      // Read anew each time: it may have been removed, with its device or by its user, or set to another gateway.
      const pusher = await users.pusher(this.#nid);
      if (pusher === undefined) return { kind: 'removed' };
      const task = await tasks.next(pusher);
      return task === undefined ? { kind: 'nothing' } : await this.#do(pusher, task);
    } catch (error) {
      platform.log.warn('A notification could not be put together; it will be tried again', { error });
      return this.#failed(undefined);
    }
  }

  async #do(pusher: Pusher, task: PushTask): Promise<PusherInput> {
    const { gateway, storage, platform } = this.#parts;
    const answer = task.body === undefined ? TAKEN : await gateway.notify(pusher, task.body);
    if (answer.kind === 'rejected') {
      const { userId, appId, json } = pusher;
      const row = { pusherNid: this.#nid, json };
      const committed = await storage.write((transaction) => transaction.fetch(deleteRejectedPusher, row));
      // One that was set meanwhile is looked at again, as it is now.
      if (committed.rows(committed.value).length === 0) return { kind: 'told' };
      platform.log.info('A push gateway knows a pusher no more; it is removed', { userId, appId });
      return { kind: 'removed' };
    }
    if (answer.kind === 'failed' && !(answer.isRefusal && this.#refuse(task.donePosition) >= MAX_REFUSALS)) {
      const input = this.#failed(answer.retryAfterMs);
      platform.log.debug('A push gateway failed', { url: pusher.url, reason: answer.reason });
      await this.#saveFailure(input);
      return input;
    }
    const { donePosition, badge } = task;
    await storage.write((transaction) => {
      transaction.run(updatePusherDone, { pusherNid: this.#nid, donePosition, badge });
      transaction.run(deleteDonePushes, { userId: this.userId });
    });
    return { kind: 'told' };
  }

  /** How often what stands there was refused, this time included. */
  #refuse(position: number): number {
    const times = this.#refused.position === position ? this.#refused.times + 1 : 1;
    this.#refused = { position, times };
    return times;
  }

  #failed(retryAfterMs: number | undefined) {
    const chance = Buffer.from(this.#parts.platform.random.bytes(CHANCE_BYTES)).readUInt32BE() / 2 ** 32;
    return { kind: 'failed', chance, retryAfterMs } as const;
  }

  /** A restart goes on waiting. */
  async #saveFailure(input: PusherInput): Promise<void> {
    const { storage, platform } = this.#parts;
    const { state } = stepPusher(this.#state, input, platform.clock.nowMs());
    if (state.name !== 'backing-off' || this.#isStopped) return;
    const { failures, retryAtMs: nextTryMs } = state;
    await storage.write((transaction) =>
      transaction.run(updatePusherFailed, { pusherNid: this.#nid, failures, nextTryMs }),
    );
  }
}

const TAKEN = { kind: 'taken' } as const;
