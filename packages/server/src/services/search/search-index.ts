import type { Platform } from '../../platform/platform.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { PacedSteps } from '../../storage/paced-steps.ts';
import type { EventRow } from '../../storage/queries/events.ts';
import {
  deleteSearchQueue,
  deleteSearchText,
  insertSearchQueue,
  insertSearchText,
  selectSearchQueue,
} from '../../storage/queries/search.ts';
import type { Storage, WriteTransaction } from '../../storage/storage.ts';
import { hasSeen } from '../../storage/stream.ts';
import type { EventStore } from '../rooms/event-store.ts';
import { EventWalk } from '../rooms/event-walk.ts';
import type { Projection } from '../rooms/projection.ts';
import { isHistory, type RoomEvent } from '../rooms/room-event.ts';
import { SEARCHED_TYPES, searchedText } from './searched-text.ts';
import { roomWord, wordsIn } from './words-in.ts';

/** From what is sent to the first step: a search that comes before does it itself. */
const DELAY_MS = 60_000;
/** Between two steps: a step takes some ten milliseconds, and what is sent meanwhile must not wait for it. */
const PAUSE_MS = 1_000;
/** Steps that a search waits for; in a server that is behind by more it finds what is indexed. */
const MAX_STEPS_FOR_A_SEARCH = 20;
/** Events of the queue that are looked at in one step. */
const QUEUED_PER_STEP = 200;
/** Different words of one event that can be found. */
const MAX_WORDS_OF_EVENT = 2_000;

interface SearchIndexParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly events: EventStore;
}

/**
 * The index of words, kept behind what is sent: an event that is sent costs nothing, and a search catches up first. A
 * walk through all events by their numbers finds what is new, and what an older version has written. Its projection
 * tells it of the few that it could miss: those that got their place in a timeline later than their number.
 */
export class SearchIndex implements Projection {
  readonly #parts: SearchIndexParts;
  readonly #steps: PacedSteps;
  readonly #walk: EventWalk;
  #unfollow: (() => void) | undefined;

  constructor(parts: SearchIndexParts) {
    this.#parts = parts;
    this.#walk = new EventWalk(parts.storage, 'search', (rows) => this.#lookAt(rows));
    this.#steps = new PacedSteps({
      platform: parts.platform,
      work: 'indexing words',
      delayMs: DELAY_MS,
      pauseMs: PAUSE_MS,
      step: () => this.#step(),
    });
  }

  start(): void {
    this.#unfollow = this.#parts.storage.stream.follow((changes) => this.#note(changes));
    this.#steps.wake();
  }

  async stop(): Promise<void> {
    this.#unfollow?.();
    await this.#steps.stop();
  }

  /** Indexes what there is by now, or much of it. */
  catchUp(): Promise<void> {
    return this.#steps.hurry(MAX_STEPS_FOR_A_SEARCH);
  }

  project(transaction: WriteTransaction, { nid, pdu, place }: RoomEvent): void {
    if (!SEARCHED_TYPES.has(pdu.type) || place === undefined) return;
    // The walk passes no number before all of its batch is there.
    const isNew = !hasSeen(this.#parts.storage.stream.current(), { writer: place.writer, position: nid });
    if (isNew && !isHistory(place)) return;
    transaction.run(insertSearchQueue, { eventNid: nid });
    this.#steps.wake();
  }

  projectRedacted(transaction: WriteTransaction, { nid, pdu }: RoomEvent): void {
    if (SEARCHED_TYPES.has(pdu.type)) transaction.run(deleteSearchText, { eventNid: nid });
  }

  #note(changes: readonly PublishedChange[]): void {
    if (changes.some((change) => change.kind === 'event' && SEARCHED_TYPES.has(change.type))) this.#steps.wake();
  }

  async #step(): Promise<boolean> {
    const isMoreQueued = await this.#takeFromQueue();
    const isMoreToWalk = await this.#walk.step();
    return isMoreQueued || isMoreToWalk;
  }

  async #takeFromQueue(): Promise<boolean> {
    const { storage, events } = this.#parts;
    const rows = await storage.read(selectSearchQueue, { limit: QUEUED_PER_STEP });
    if (rows.length === 0) return false;
    const eventNids = rows.map((row) => row.event_nid);
    const found = [...(await events.byNids(eventNids)).values()];
    await storage.write((transaction) => {
      writeTexts(transaction, found);
      transaction.run(deleteSearchQueue, { eventNids });
    });
    return rows.length === QUEUED_PER_STEP;
  }

  async #lookAt(rows: readonly EventRow[]) {
    const found = await this.#parts.events.read(rows.filter(({ type }) => SEARCHED_TYPES.has(type)));
    return (transaction: WriteTransaction) => writeTexts(transaction, found);
  }
}

function writeTexts(transaction: WriteTransaction, events: readonly RoomEvent[]): void {
  for (const { nid: eventNid, pdu, room, place, isRejected, isSoftFailed } of events) {
    const searched = searchedText(pdu);
    if (searched === undefined || place === undefined || isRejected || isSoftFailed) continue;
    const words = [...new Set(wordsIn(searched.text))].slice(0, MAX_WORDS_OF_EVENT);
    if (words.length === 0) continue;
    transaction.run(deleteSearchText, { eventNid });
    transaction.run(insertSearchText, { eventNid, words: [roomWord(room.nid), ...words].join(' ') });
  }
}
