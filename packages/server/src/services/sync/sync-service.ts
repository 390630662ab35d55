import type { Timer } from '../../platform/timers.ts';
import type { StreamVector } from '../../storage/stream.ts';
import type { DeviceAddress } from '../encryption/encryption-reader.ts';
import { joinedRooms } from '../rooms/joined-rooms.ts';
import { buildAnswer, type SyncAnswer } from './build-answer.ts';
import { type DeviceLists, readDeviceLists } from './device-lists.ts';
import { LazyMembers } from './lazy-members.ts';
import { MomentaryTimeline } from './momentary-timeline.ts';
import { readNews } from './sync-news.ts';
import { isBeyond, type SyncRange, syncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';
import { SyncWaiters } from './sync-waiters.ts';
import { acknowledgeToDevice } from './to-device.ts';
import type { UserRoom } from './user-room.ts';

/** Longest wait for news, whatever the client asks for. */
const MAX_TIMEOUT_MS = 300_000;
/** How often memberships that are ahead of the published stream are read again. */
const MAX_CATCH_UP_TURNS = 100;

/** Answers `/sync`: at once when there is news or nothing to wait for, else as soon as there is (C12). */
export class SyncService {
  readonly #sources: SyncSources;
  readonly #lazy = new LazyMembers();
  readonly #waiters: SyncWaiters;
  #isStopped = false;

  constructor(sources: SyncSources) {
    const { storage, platform } = sources;
    const { stream } = storage;
    this.#sources = { ...sources, timeline: new MomentaryTimeline(sources.timeline, stream) };
    const roomsOf = async (userId: string) => (await joinedRooms(sources, userId)).map(({ roomId }) => roomId);
    this.#waiters = new SyncWaiters({ stream, timers: platform.timers, roomsOf });
  }

  /** The body of the answer, as JSON text. */
  async sync(request: SyncRequest): Promise<string> {
    acknowledgeToDevice(request, this.#sources);
    const mayWait = request.timeoutMs > 0 && request.since !== undefined && !request.fullState;
    return mayWait ? this.#waitForNews(request) : (await this.#answer(request)).text;
  }

  /** Whose devices changed between two tokens, as `device_lists` of one answer would tell it. */
  async deviceLists(device: DeviceAddress, since: StreamVector, upTo: StreamVector): Promise<DeviceLists> {
    const { rooms } = await this.#standpoint({ ...device, since: undefined });
    const range = syncRange(since, upTo);
    const news = readNews(this.#sources.storage.stream, range, device);
    return readDeviceLists({ userId: device.userId, range, news, rooms }, this.#sources);
  }

  /** Answers who waits, and lets nobody wait any more. */
  stop(): void {
    this.#isStopped = true;
    this.#waiters.close();
  }

  async #waitForNews(first: SyncRequest): Promise<string> {
    const { clock, timers } = this.#sources.platform;
    const deadline = clock.monotonicMs() + Math.min(first.timeoutMs, MAX_TIMEOUT_MS);
    const wakeUp = new WakeUp();
    const wake = () => wakeUp.now();
    // Watch before looking: news that comes in between must wake.
    const unwatch = await this.#waiters.watch(first.userId, wake);
    first.signal.addEventListener('abort', wake);
    try {
      for (let request = first; ; ) {
        const leftMs = deadline - clock.monotonicMs();
        const isOver = leftMs <= 0 || this.#isOver(first);
        if (isOver || !isUpToDate(request, this.#sources.storage.stream.current())) {
          const answer = await this.#answer(request);
          if (!answer.isEmpty || isOver) return answer.text;
          // Nothing lies between: go on as if the client had taken this answer and come back with its token.
          request = { ...first, since: answer.token };
        }
        await wakeUp.next(timers.after(leftMs, wake));
      }
    } finally {
      first.signal.removeEventListener('abort', wake);
      unwatch();
    }
  }

  #isOver({ signal }: SyncRequest): boolean {
    return this.#isStopped || signal.aborted;
  }

  async #answer(request: SyncRequest): Promise<SyncAnswer> {
    const { range, rooms } = await this.#standpoint(request);
    return buildAnswer({ request, range, rooms }, this.#sources, this.#lazy);
  }

  /**
   * Where the answer ends, and the user's rooms as they are there. A membership that was committed and is not published
   * yet lies beyond: its publication is a moment away, so look again. Without it the answer would pass over the room.
   */
  async #standpoint(request: Pick<SyncRequest, 'userId' | 'since'>): Promise<{ range: SyncRange; rooms: UserRoom[] }> {
    const { storage, memberships, events } = this.#sources;
    for (let turn = 0; turn < MAX_CATCH_UP_TURNS; turn += 1) {
      const range = syncRange(request.since?.vector, storage.stream.current());
      const records = await memberships.ofUser(request.userId);
      if (records.some((membership) => isBeyond(range, membership))) {
        await this.#publication(range);
        continue;
      }
      const known = await events.rooms(records.map(({ roomNid }) => roomNid));
      const rooms = records.flatMap((membership) => {
        const room = known.get(membership.roomNid);
        return room === undefined ? [] : [{ room, membership }];
      });
      return { range, rooms };
    }
    throw new Error(`The memberships of ${request.userId} stayed ahead of the stream`);
  }

  /** Kept as soon as anything beyond this range is published, which may have happened already. */
  #publication(range: SyncRange): Promise<void> {
    const { stream } = this.#sources.storage;
    if (stream.current() !== range.upTo) return Promise.resolve();
    return new Promise((resolve) => {
      const unfollow = stream.follow(() => {
        unfollow();
        resolve();
      });
    });
  }
}

/** The client has everything that is published: there is nothing to look for. Most requests begin so. */
function isUpToDate({ since }: SyncRequest, current: StreamVector): boolean {
  if (since === undefined || since.sticky !== undefined || since.toDeviceUpTo !== undefined) return false;
  if (since.vector.size !== current.size) return false;
  for (const [writer, position] of current) if (since.vector.get(writer) !== position) return false;
  return true;
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
