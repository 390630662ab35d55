import type { StreamVector } from '../../storage/stream.ts';
import type { DeviceAddress } from '../encryption/encryption-reader.ts';
import type { EventViewer } from '../rooms/room-reader.ts';
import { buildAnswer, type SyncAnswer } from './build-answer.ts';
import { type DeviceLists, readDeviceLists } from './device-lists.ts';
import { LazyMembers } from './lazy-members.ts';
import { type RoomSticky, type RoomStickyQuery, readRoomSticky } from './room-sticky.ts';
import { readStandpoint } from './standpoint.ts';
import { readNews } from './sync-news.ts';
import { syncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';
import type { SyncWaiters } from './sync-waiters.ts';
import { acknowledgeToDevice } from './to-device.ts';
import { WakeUp } from './wake-up.ts';

/** Longest wait for news, whatever the client asks for. */
const MAX_TIMEOUT_MS = 300_000;

/** Answers `/sync`: at once when there is news or nothing to wait for, else as soon as there is (C12). */
export class SyncService {
  readonly #sources: SyncSources;
  readonly #lazy = new LazyMembers();
  readonly #waiters: SyncWaiters;
  #isStopped = false;

  constructor(sources: SyncSources, waiters: SyncWaiters) {
    this.#sources = sources;
    this.#waiters = waiters;
  }

  /** The body of the answer, as JSON text. */
  async sync(request: SyncRequest): Promise<string> {
    acknowledgeToDevice(request, this.#sources);
    const mayWait = request.timeoutMs > 0 && request.since !== undefined && !request.fullState;
    const work = async () => (mayWait ? this.#waitForNews(request) : (await this.#answer(request)).text);
    const { presence } = this.#sources;
    return presence === undefined ? work() : presence.whileAsking(request, request.setPresence, work);
  }

  /** Whose devices changed between two tokens, as `device_lists` of one answer would tell it. */
  async deviceLists(device: DeviceAddress, since: StreamVector, upTo: StreamVector): Promise<DeviceLists> {
    const { rooms } = await readStandpoint(device.userId, undefined, this.#sources);
    const range = syncRange(since, upTo);
    const news = readNews(this.#sources.storage.stream, range, device);
    return readDeviceLists({ userId: device.userId, range, news, rooms }, this.#sources);
  }

  /** A page of what is sticky in one room beside what its timeline gives, for who begins there (C9). */
  stickyOfRoom(query: RoomStickyQuery, viewer: EventViewer): Promise<RoomSticky> {
    return readRoomSticky(query, viewer, this.#sources);
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
    const unwatch = await this.#waiters.watch(first.userId, wake, { presence: first.filter.presence.limit !== 0 });
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
    const { range, rooms } = await readStandpoint(request.userId, request.since?.vector, this.#sources);
    return buildAnswer({ request, range, rooms }, this.#sources, this.#lazy);
  }
}

/** The client has everything that is published: there is nothing to look for. Most requests begin so. */
function isUpToDate({ since }: SyncRequest, current: StreamVector): boolean {
  if (since === undefined || since.sticky !== undefined || since.toDeviceUpTo !== undefined) return false;
  if (since.vector.size !== current.size) return false;
  for (const [writer, position] of current) if (since.vector.get(writer) !== position) return false;
  return true;
}
