import { MatrixError } from '@limpet/protocol/matrix-error';
import { selectAnnotations } from '../../../storage/queries/relations.ts';
import type { Storage } from '../../../storage/storage.ts';
import type { NewEvent } from '../event-maker.ts';
import { relationOf } from '../event-relation.ts';
import type { EventStore } from '../event-store.ts';
import type { RoomInTurn } from '../room-actor.ts';
import { annotationKeyOf, indexedKey, indexedRelationOf } from './indexed-relation.ts';

/** Annotations that begin alike and are compared in full. */
const MAX_ALIKE = 100;

/** One annotation: nobody may send it twice. */
interface Annotation {
  readonly sender: string;
  readonly type: string;
  readonly parentId: string;
  readonly key: string;
}

/** What the specification refuses of the relations that clients send. Events of other servers are taken as they are. */
export class RelationRules {
  readonly #storage: Storage;
  readonly #events: EventStore;
  /** How often each annotation is on its way to the disk. */
  readonly #underWay = new Map<string, number>();

  constructor(storage: Storage, events: EventStore) {
    this.#storage = storage;
    this.#events = events;
  }

  /**
   * Checks an event in its room's turn. What it gives, if anything, has to be called when the event is on disk, or is
   * known not to come there.
   * @throws MatrixError M_DUPLICATE_ANNOTATION, M_UNKNOWN for a thread that would begin within another relation.
   */
  async check(event: NewEvent, turn: RoomInTurn): Promise<(() => void) | undefined> {
    const relation = indexedRelationOf(event);
    if (relation?.type === 'm.thread') await this.#checkThread(relation.eventId, turn);
    const key = annotationKeyOf(event);
    if (relation?.type !== 'm.annotation' || key === undefined) return undefined;
    const { sender, type } = event;
    const annotation = { sender, type, parentId: relation.eventId, key };
    const name = JSON.stringify([turn.room.roomNid, sender, type, relation.eventId, key]);
    if (this.#underWay.has(name)) await turn.written();
    if (await this.#isThere(annotation, turn.room.roomNid)) {
      const text = `You have annotated this event so already. Redact the first ${type} before you send it again.`;
      throw new MatrixError('M_DUPLICATE_ANNOTATION', text);
    }
    this.#count(name, 1);
    return () => this.#count(name, -1);
  }

  /** Specification: client-server API, "Validation of m.thread relationships". */
  async #checkThread(rootId: string, { room }: RoomInTurn): Promise<void> {
    const root = (await this.#events.byIds([rootId])).get(rootId);
    if (root?.room.nid !== room.roomNid || relationOf(root.pdu) === undefined) return;
    const text = 'A thread cannot begin at an event that relates to another one. Name the root of its thread instead.';
    throw new MatrixError('M_UNKNOWN', text);
  }

  /** Specification: client-server API, "Avoiding duplicate annotations". */
  async #isThere({ sender, type, parentId, key }: Annotation, roomNid: number): Promise<boolean> {
    const aggregationKey = indexedKey(key);
    const query = { roomNid, parentId, sender, aggregationKey, limit: MAX_ALIKE };
    const rows = await this.#storage.read(selectAnnotations, query);
    if (rows.length === 0) return false;
    const events = await this.#events.byIds(rows.map((row) => row.event_id));
    return [...events.values()].some(({ pdu }) => pdu.type === type && annotationKeyOf(pdu) === key);
  }

  #count(name: string, by: 1 | -1): void {
    const count = (this.#underWay.get(name) ?? 0) + by;
    if (count === 0) this.#underWay.delete(name);
    else this.#underWay.set(name, count);
  }
}
