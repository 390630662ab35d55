import type { Timer } from '../../platform/timers.ts';
import { breathe } from './breathe.ts';
import { buildAnswer, type SyncAnswer, type UserRoom } from './build-answer.ts';
import { LazyMembers } from './lazy-members.ts';
import { isBeyond, type SyncRange, syncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';
import { SyncWaiters } from './sync-waiters.ts';

/** Longest wait for news, whatever the client asks for. */
const MAX_TIMEOUT_MS = 300_000;
/** How often memberships that are ahead of the published stream are read again. */
const MAX_CATCH_UP_TURNS = 50;

/** Answers `/sync`: at once when there is news or nothing to wait for, else as soon as there is (C12). */
export class SyncService {
  readonly #sources: SyncSources;
  readonly #lazy = new LazyMembers();
  readonly #waiters: SyncWaiters;

  constructor(sources: SyncSources) {
    this.#sources = sources;
    this.#waiters = new SyncWaiters(sources.storage.stream, (userId) => this.#joinedRooms(userId));
  }

  /** The body of the answer, as JSON text. */
  async sync(request: SyncRequest): Promise<string> {
    const wakeUp = new WakeUp();
    const deadline = this.#sources.platform.clock.monotonicMs() + Math.min(request.timeoutMs, MAX_TIMEOUT_MS);
    const mayWait = request.timeoutMs > 0 && request.since !== undefined && !request.fullState;
    // Watch before looking: news that comes in between must wake.
    const unwatch = mayWait
      ? this.#waiters.watch(request.userId, await this.#joinedRooms(request.userId), () => wakeUp.now())
      : () => {};
    const stop = () => wakeUp.now();
    request.signal.addEventListener('abort', stop);
    try {
      for (;;) {
        const answer = await this.#answer(request);
        const leftMs = deadline - this.#sources.platform.clock.monotonicMs();
        if (!answer.isEmpty || !mayWait || leftMs <= 0 || request.signal.aborted) return answer.text;
        const timer = this.#sources.platform.timers.after(leftMs, () => wakeUp.now());
        await wakeUp.next(timer);
      }
    } finally {
      request.signal.removeEventListener('abort', stop);
      unwatch();
    }
  }

  stop(): void {
    this.#waiters.close();
  }

  async #answer(request: SyncRequest): Promise<SyncAnswer> {
    const { range, rooms } = await this.#standpoint(request);
    return buildAnswer({ request, range, rooms }, this.#sources, this.#lazy);
  }

  /**
   * Where the answer ends, and the user's rooms as they are there. A membership that was committed and is not published
   * yet lies beyond: its publication is a moment away, so look again.
   */
  async #standpoint(request: SyncRequest): Promise<{ range: SyncRange; rooms: UserRoom[] }> {
    for (let turn = 0; ; turn += 1) {
      const range = syncRange(request.since?.vector, this.#sources.storage.stream.current());
      const memberships = await this.#sources.memberships.ofUser(request.userId);
      if (memberships.some((membership) => isBeyond(range, membership)) && turn < MAX_CATCH_UP_TURNS) {
        await breathe(this.#sources.platform.timers);
        continue;
      }
      const records = await this.#sources.events.rooms(memberships.map(({ roomNid }) => roomNid));
      const rooms = memberships
        .filter((membership) => !isBeyond(range, membership))
        .flatMap((membership) => {
          const room = records.get(membership.roomNid);
          return room === undefined ? [] : [{ room, membership }];
        });
      return { range, rooms };
    }
  }

  async #joinedRooms(userId: string): Promise<string[]> {
    const memberships = await this.#sources.memberships.ofUser(userId);
    const joined = memberships.filter(({ membership }) => membership === 'join');
    const records = await this.#sources.events.rooms(joined.map(({ roomNid }) => roomNid));
    return joined.flatMap(({ roomNid }) => records.get(roomNid)?.roomId ?? []);
  }
}

/** Remembers a wake-up that comes while nobody waits. */
class WakeUp {
  #isDue = false;
  #resolve: (() => void) | undefined;

  now(): void {
    this.#isDue = true;
    this.#resolve?.();
  }

  async next(timer: Timer): Promise<void> {
    if (!this.#isDue) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
    timer.cancel();
    this.#isDue = false;
    this.#resolve = undefined;
  }
}
