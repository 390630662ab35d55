import { createCache } from '../../cache/create-cache.ts';
import type { PushOutcome } from './push-rule.ts';

/** Events kept between their decision and their publication; whoever misses one reads the tables. */
const MAX_EVENTS = 20_000;

/** What one event means for unread counts, as the projection wrote it. */
export interface UnreadEvent {
  readonly roomIndex: number;
  readonly sender: string;
  /** '' for the main timeline; `undefined` where only the tables know. */
  readonly threadId: string | undefined;
  /** For who has no exception. */
  readonly outcome: PushOutcome;
  readonly exceptions: ReadonlyMap<string, PushOutcome>;
  /** Its sender has by it read what was unread in its thread. */
  readonly isReadBySender: boolean;
}

/** Hands what the projection decided to the counter, which takes it once it is committed: no table is read for it. */
export class UnreadNews {
  readonly #byEvent = createCache<number, UnreadEvent | 'nothing'>(MAX_EVENTS);

  /** `nothing` says that the event was looked at, and changes what is unread for nobody. */
  leave(eventNid: number, news: UnreadEvent | 'nothing'): void {
    this.#byEvent.set(eventNid, news);
  }

  /** `undefined` when this process did not decide about the event, or did so too long ago. */
  take(eventNid: number): UnreadEvent | 'nothing' | undefined {
    const news = this.#byEvent.get(eventNid);
    this.#byEvent.delete(eventNid);
    return news;
  }
}
