import type { RoomVersion } from '@limpet/protocol/room-version';
import type { ReceivedEvent, Reception } from './received-event.ts';
import type { RoomRecord } from './room-event.ts';

/** Brings events of other servers into rooms: checks 4 to 6 on receipt of a PDU, and keeping them. */
export interface RoomReceiver {
  /**
   * Takes events of one room, what is older in the graph before what is newer. All of them become visible in one step
   * of the stream (E3). Each is judged by itself: one that is refused or lacks something does not hold up the others,
   * unless they rest on it. An event rests on its `auth_events` and `prev_events`: those of the same call and those
   * that are here already (as outliers will do for auth events; `stateBefore` has to be known for prev events).
   *
   * The outcomes are in the order of the events. @throws UnknownRoom for a room where nobody of this server ever was.
   */
  receive(roomId: string, events: readonly ReceivedEvent[], options?: ReceiveOptions): Promise<readonly Reception[]>;

  /**
   * Keeps events beside the graph (outliers): those that others name in `auth_events`, and those of a state that was
   * asked for. Sorted here, so that what authorizes stands before what it authorizes; each is checked against its own
   * `auth_events` (check 4) and kept as rejected where it fails. Those whose auth events are not there are left out;
   * the answer names them. The room has to be known.
   */
  keepOutliers(room: RoomRecord, events: readonly ReceivedEvent[]): Promise<{ readonly leftOut: readonly string[] }>;

  /**
   * A user of this server joins a room over another server: the answer to `send_join`. The room begins here, or goes on
   * where it was left. Visible in one step. @throws MatrixError where the join itself does not pass the checks.
   */
  enter(entry: RoomEntry): Promise<void>;

  /**
   * Puts history before the first event that is known here, or before the first one `after` a place, oldest first. Such
   * events have position 0 and are in no `/sync`. The state before the first of them is given; that before the others
   * is made from it.
   */
  keepHistory(roomId: string, events: readonly ReceivedEvent[], options: HistoryOptions): Promise<void>;

  /**
   * A membership that others made for a user of this server who is in no way in the room: an invite, or what undoes it.
   * `strippedState` is what the inviting server told of the room, as JSON texts.
   */
  noteRemoteMembership(membership: RemoteMembership): Promise<void>;
}

export interface ReceiveOptions {
  /**
   * For the first event alone: the state before it, by event ID, where its `prev_events` are not known. All of these
   * events are here, as outliers at least.
   */
  readonly stateBefore?: readonly string[];
  /** The same for any of the events, by its ID. */
  readonly statesBefore?: ReadonlyMap<string, readonly string[]>;
  /** The events were handed to this server alone, which has to tell the others: `send_join` and its like. */
  readonly isToBeSent?: boolean;
}

export interface HistoryOptions extends ReceiveOptions {
  /** The `room_index` below a gap that the history goes into (`timeline-gap.ts`). */
  readonly after?: number;
}

export interface RoomEntry {
  readonly roomId: string;
  readonly version: RoomVersion;
  /** The join, signed by all who have to. */
  readonly event: ReceivedEvent;
  /** The state before it, whole. */
  readonly state: readonly ReceivedEvent[];
  readonly authChain: readonly ReceivedEvent[];
}

export interface RemoteMembership {
  readonly roomId: string;
  readonly version: RoomVersion;
  readonly event: ReceivedEvent;
  readonly strippedState: readonly string[];
}
