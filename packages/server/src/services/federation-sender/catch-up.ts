import type { DestinationCursor } from './live-queue.ts';
import { MAX_EDUS, MAX_PDUS } from './transaction-text.ts';
import type { LatestEvent, StickyEvent, Undelivered, WaitingEdu } from './undelivered.ts';

/** Sticky events of which it is known that they wait: numbers alone, read once for many transactions. */
const STICKY_PAGE = 1_000;
/** What the latest events of rooms, and the sticky events, are sure to get of each transaction. */
const SHARE = MAX_PDUS / 2;

/** The next transaction to a server that is behind. */
export interface CatchUpLoad {
  /** In the order in which they go out. */
  readonly eventNids: readonly number[];
  /** Those of them that go out for being sticky. */
  readonly sticky: ReadonlySet<number>;
  readonly edus: readonly WaitingEdu[];
  /** Once it is acknowledged the server has everything that the tables had when this was read. */
  readonly isLast: boolean;
}

/**
 * Takes a server from what it has to what there is: the latest event of each room, as a server that was away needs,
 * and beside it every own sticky event that did not expire, oldest first (D2). Each of the two has half of a
 * transaction, and what the other leaves of its half, so that neither starves the other.
 */
export class CatchUp {
  readonly #serverName: string;
  readonly #undelivered: Undelivered;
  #cursor: DestinationCursor;
  #sticky: readonly StickyEvent[] = [];
  #isFurther = false;
  #after: { readonly cursor: DestinationCursor; readonly sticky: readonly StickyEvent[] } | undefined;

  constructor(serverName: string, undelivered: Undelivered, cursor: DestinationCursor) {
    this.#serverName = serverName;
    this.#undelivered = undelivered;
    this.#cursor = cursor;
  }

  /** How far the server has come. */
  get cursor(): DestinationCursor {
    return this.#cursor;
  }

  /** Whether it has come further since this was last asked. */
  takeIsFurther(): boolean {
    const isFurther = this.#isFurther;
    this.#isFurther = false;
    return isFurther;
  }

  /** What is to be sent next of what came up to this position of the stream. */
  async next(upTo: number): Promise<CatchUpLoad> {
    const known = this.#sticky;
    const [latest, page, edus] = await Promise.all([
      this.#undelivered.latest(this.#serverName, this.#cursor, { upTo, limit: MAX_PDUS }),
      known.length > 0 ? undefined : this.#readSticky(upTo),
      this.#undelivered.edus(this.#serverName, MAX_EDUS),
    ]);
    const sticky = page?.events ?? known;
    const stickyCount = Math.min(sticky.length, Math.max(SHARE, MAX_PDUS - latest.events.length));
    const latestCount = Math.min(latest.events.length, MAX_PDUS - stickyCount);
    const isAllLatest = latestCount === latest.events.length;
    const isAllSticky = page?.isAll === true && stickyCount === sticky.length;
    const lastLatest = isAllLatest ? latest.upTo : latest.events[latestCount - 1]?.position;
    const lastSticky = isAllSticky ? { effective: upTo, due: upTo } : sticky[stickyCount - 1];
    this.#after = {
      cursor: {
        eventPosition: lastLatest ?? this.#cursor.eventPosition,
        stickyEffective: lastSticky?.effective ?? this.#cursor.stickyEffective,
        stickyDue: lastSticky?.due ?? this.#cursor.stickyDue,
      },
      sticky: sticky.slice(stickyCount),
    };
    return {
      ...inOrder(latest.events.slice(0, latestCount), sticky.slice(0, stickyCount)),
      edus,
      isLast: isAllLatest && latest.upTo >= upTo && isAllSticky && edus.length < MAX_EDUS,
    };
  }

  /** What `next` gave was acknowledged. */
  settle(): void {
    if (this.#after === undefined) return;
    this.#cursor = this.#after.cursor;
    this.#sticky = this.#after.sticky;
    this.#after = undefined;
    this.#isFurther = true;
  }

  async #readSticky(upTo: number) {
    return this.#undelivered.sticky(this.#serverName, this.#cursor, { upTo, limit: STICKY_PAGE });
  }
}

/**
 * Oldest first; nids come of the same counter as positions. What is of both kinds goes out as the latest of its room.
 */
function inOrder(latest: readonly LatestEvent[], sticky: readonly StickyEvent[]) {
  const latestNids = new Set(latest.map((event) => event.eventNid));
  const stickyNids = new Set(sticky.map((event) => event.eventNid).filter((nid) => !latestNids.has(nid)));
  return { eventNids: [...latestNids, ...stickyNids].sort((a, b) => a - b), sticky: stickyNids };
}
