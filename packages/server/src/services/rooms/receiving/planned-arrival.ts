import type { ForwardExtremity } from '../loaded-room.ts';
import type { ReceivedEvent } from '../received-event.ts';
import type { RoomEvent } from '../room-event.ts';
import type { Slot } from '../slot-table.ts';
import type { SnapshotPiece } from '../snapshot-path.ts';
import type { StateRef } from '../state-ref.ts';
import type { SlotChange } from '../write-slot-change.ts';

/** What is to be written of an event from elsewhere, decided while nothing else could change the room. */
export interface PlannedArrival {
  readonly received: ReceivedEvent;
  /** Given beforehand, so that what is planned after it can name it. */
  readonly nid: number;
  /** It is here already, as an outlier. */
  readonly isOutlier: boolean;
  readonly fate: ArrivalFate;
  /** Snapshots that have to be written before it, in this order. */
  readonly snapshots: readonly NewSnapshot[];
  readonly stateBefore: number;
  /** The room's state around it, where that is another one. */
  readonly roomStateBefore: number | undefined;
  readonly roomStateAfter: number | undefined;
  readonly slot: Slot | undefined;
  /** The room after it. */
  readonly extremities: readonly ForwardExtremity[];
  readonly current: StateRef;
  readonly changes: readonly SlotChange[];
  /** For a redaction: the event it names, if we have it from before. */
  readonly redacts: RoomEvent | undefined;
  /** Redactions of this event that came before it. */
  readonly redactions: readonly RoomEvent[];
  readonly isToBeSent: boolean;
}

/**
 * `held`: accepted, and shown later (E5). `past`: accepted, and older than this server's own time in the room: it gets
 * its place in the history, and is news to nobody unless it sticks (C6). Soft-failed and rejected ones are kept and not
 * shown. Specification: server-server API, "Rejection" and "Soft failure".
 */
export type ArrivalFate = 'accepted' | 'held' | 'past' | 'soft-failed' | 'rejected';

export interface NewSnapshot {
  readonly piece: SnapshotPiece;
  readonly parentNid: number | undefined;
}
