import type { Platform } from '../../../platform/platform.ts';
import { PacedSteps } from '../../../storage/paced-steps.ts';
import type { EventRow } from '../../../storage/queries/events.ts';
import { fillRelatedEvent, fillRelation } from '../../../storage/queries/relations.ts';
import type { Storage, WriteTransaction } from '../../../storage/storage.ts';
import type { EventStore } from '../event-store.ts';
import { EventWalk } from '../event-walk.ts';
import { relationRowOf } from './indexed-relation.ts';
import type { RelatedRooms } from './related-rooms.ts';

const PAUSE_MS = 20;

interface RelationFillerParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly events: EventStore;
  readonly relatedRooms: RelatedRooms;
}

/**
 * Indexes the relations of events that a version without that index has written. Meanwhile new events are indexed with
 * their commit, so a thread has at first only its new events.
 */
export class RelationFiller {
  readonly #parts: RelationFillerParts;
  readonly #steps: PacedSteps;

  constructor(parts: RelationFillerParts) {
    this.#parts = parts;
    const walk = new EventWalk(parts.storage, 'relations', (rows) => this.#lookAt(rows));
    this.#steps = new PacedSteps({
      platform: parts.platform,
      work: 'indexing relations of old events',
      pauseMs: PAUSE_MS,
      step: () => walk.step(),
    });
  }

  /** The first step is done when this is; a small server has no second one. */
  start(): Promise<void> {
    return this.#steps.hurry(1);
  }

  stop(): Promise<void> {
    return this.#steps.stop();
  }

  async #lookAt(rows: readonly EventRow[]) {
    const { events, relatedRooms } = this.#parts;
    // Most relate to nothing, and need not be parsed to know it.
    const relating = await events.read(rows.filter(({ json }) => json.includes('m.relates_to')));
    const relations = relating.flatMap((event) => relationRowOf(event) ?? []);
    const parents = new Map(relations.map((row) => [`${row.roomNid} ${row.parentId}`, row]));
    return (transaction: WriteTransaction) => {
      for (const row of relations) transaction.run(fillRelation, row);
      for (const { roomNid, parentId } of parents.values()) {
        transaction.run(fillRelatedEvent, { roomNid, parentId });
        relatedRooms.note(roomNid);
      }
    };
  }
}
