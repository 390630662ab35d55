import type { StateMap } from '@limpet/protocol/pdu';
import type { WriteTransaction } from '../../storage/storage.ts';
import type { RoomEvent } from './room-event.ts';

/**
 * What has to be exact at the commit of an event and is no business of the room itself (unread counts, the sticky
 * table). `services.ts` hands the list of them to rooms.
 */
export interface Projection {
  /**
   * Loads what `project` will need of this room into memory. Called before the decision, while the room waits: keep it
   * cheap, and cheaper the second time.
   */
  prepare?(room: RoomView): Promise<void>;
  /** Adds its rows to the batch that carries the event. Synchronous; runs for events that enter the timeline. */
  project(transaction: WriteTransaction, event: RoomEvent, room: RoomView): void;
  /** Comes after `project`, for an event that this server has to tell the other servers in the room. */
  projectOutgoing?(transaction: WriteTransaction, event: RoomEvent, room: RoomView): void;
  /** Comes before `project` of a redaction that takes effect, for the event that it redacts as that was before. */
  projectRedacted?(transaction: WriteTransaction, before: RoomEvent): void;
  /**
   * `project` for an event that is kept and has no place in the timeline: soft-failed, or held back. If it gets one
   * later, `project` runs for it then.
   */
  keepBack?(transaction: WriteTransaction, event: RoomEvent): void;
}

/** A room in memory as it was just before the event in hand, for who decides something about that event. */
export interface RoomView {
  readonly roomId: string;
  readonly roomNid: number;
  /**
   * Current state without memberships (those are too many): create, power levels, join rules, names, and so on, by
   * `stateMapKey`. The member event of the sender is in it.
   */
  readonly state: StateMap;
  /** Users of this server who are joined. */
  readonly localJoined: ReadonlySet<string>;
  /** Other servers that have a joined user. */
  readonly serversIn: ReadonlySet<string>;
  /** How many users of any server are joined. */
  readonly joinedCount: number;
}
