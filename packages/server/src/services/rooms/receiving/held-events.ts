import { createCache } from '../../../cache/create-cache.ts';
import type { Platform } from '../../../platform/platform.ts';
import type { Timer } from '../../../platform/timers.ts';

/** Pairs of a server and a room whose rate is known. */
const MAX_RATES = 20_000;
/** A held event is shown this long before it expires at the latest, so that it is of use to somebody. */
const MIN_USE_MS = 5_000;
/** Between two releases of one room at least: what is due by then goes together. */
const RELEASE_EVERY_MS = 100;

export interface HeldEventsParts {
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'log'>;
  /** Sticky events that one server may bring into one room at once, and a second from then on. */
  readonly burst: number;
  readonly perSecond: number;
  /** Gives these events of the room their place. */
  readonly release: (roomId: string, nids: readonly number[]) => Promise<void>;
}

interface Held {
  readonly nid: number;
  readonly dueMs: number;
}

/**
 * Which sticky events of other servers come too fast, and when they are shown (E5). They are on disk before they are
 * held; nothing is refused here. Times are those of the monotonic clock.
 */
export class HeldEvents {
  readonly #parts: HeldEventsParts;
  /** By server and room: when the next one would be due if there were no burst. */
  readonly #nextMs = createCache<string, number>(MAX_RATES);
  /** By room, in the order they came. Bounded by what sticks. */
  readonly #held = new Map<string, Held[]>();
  readonly #timers = new Map<string, Timer>();
  #isStopped = false;

  constructor(parts: HeldEventsParts) {
    this.#parts = parts;
  }

  /** How long this event has to wait, 0 for not at all; it counts from now on. `leftMs` is what is left of it. */
  delayOf(roomId: string, serverName: string, leftMs: number): number {
    const { burst, perSecond, platform } = this.#parts;
    const key = `${roomId} ${serverName}`;
    const nowMs = platform.clock.monotonicMs();
    const spacingMs = 1_000 / perSecond;
    const nextMs = Math.max(this.#nextMs.get(key) ?? 0, nowMs);
    this.#nextMs.set(key, nextMs + spacingMs);
    const delayMs = Math.max(0, nextMs - nowMs - (burst - 1) * spacingMs);
    const isBehind = (this.#held.get(roomId)?.length ?? 0) > 0;
    const untilUselessMs = Math.max(0, leftMs - MIN_USE_MS);
    // In order: who comes after a held one waits with it.
    return Math.min(isBehind ? Math.max(delayMs, 1) : delayMs, untilUselessMs);
  }

  /** These events of the room are held, in this order. */
  hold(roomId: string, events: readonly { readonly nid: number; readonly delayMs: number }[]): void {
    if (events.length === 0) return;
    const nowMs = this.#parts.platform.clock.monotonicMs();
    const held = this.#held.get(roomId) ?? [];
    this.#held.set(roomId, held);
    for (const { nid, delayMs } of events) held.push({ nid, dueMs: nowMs + delayMs });
    this.#wait(roomId);
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #wait(roomId: string): void {
    const held = this.#held.get(roomId);
    if (held === undefined || this.#isStopped || this.#timers.has(roomId)) return;
    const { clock, timers } = this.#parts.platform;
    const firstMs = held.reduce((first, { dueMs }) => Math.min(first, dueMs), Number.POSITIVE_INFINITY);
    const delayMs = Math.max(RELEASE_EVERY_MS, Math.ceil(firstMs - clock.monotonicMs()));
    const timer = timers.after(delayMs, () => {
      this.#timers.delete(roomId);
      this.#release(roomId);
    });
    this.#timers.set(roomId, timer);
  }

  /** All up to the last one that is due: what came before it goes before it. */
  #release(roomId: string): void {
    const held = this.#held.get(roomId) ?? [];
    const nowMs = this.#parts.platform.clock.monotonicMs();
    const count = held.findLastIndex(({ dueMs }) => dueMs <= nowMs) + 1;
    const due = held.splice(0, count);
    if (held.length === 0) this.#held.delete(roomId);
    this.#parts
      .release(
        roomId,
        due.map(({ nid }) => nid),
      )
      .catch((error) => {
        this.#parts.platform.log.error('Sticky events that were held back could not be shown; they are tried again', {
          roomId,
          error,
        });
        this.#held.set(roomId, [...due, ...(this.#held.get(roomId) ?? [])]);
      })
      .finally(() => this.#wait(roomId));
  }
}
