import { type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import type { RoomView } from './projection.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';
import type { SnapshotPath } from './snapshot-path.ts';

/** An event that no other one of the room names as previous. */
export interface ForwardExtremity {
  readonly nid: number;
  readonly pdu: Pdu;
}

/**
 * A room as its writer has it in memory: current state without memberships, the member events that were asked for, and
 * where the graph ends. It runs ahead of the disk by what is queued. Only `append-event.ts` and the loading change it.
 */
export class LoadedRoom implements RoomView {
  readonly record: RoomRecord;
  /** By `stateMapKey`; of the member events, those of `knownMembers` that there are. */
  readonly state = new Map<string, Pdu>();
  /** The nids of the events of `state`. */
  readonly nids = new Map<string, number>();
  /** Users whose member event is in `state`, or known not to be. */
  readonly knownMembers = new Set<string>();
  readonly localJoined = new Set<string>();
  joinedCount = 0;
  extremities: readonly ForwardExtremity[] = [];
  lastRoomIndex = 0;
  /** The last snapshot written, and what current state has beyond it: slot nid to event nid. */
  path: SnapshotPath = [];
  beyondPath: ReadonlyMap<number, number> = new Map();

  constructor(record: RoomRecord) {
    this.record = record;
  }

  get roomId(): string {
    return this.record.roomId;
  }

  get roomNid(): number {
    return this.record.nid;
  }

  setState(event: Pick<RoomEvent, 'nid' | 'pdu'>): void {
    const { type, stateKey } = event.pdu;
    if (stateKey === undefined) throw new Error(`Event ${event.nid} is no state event`);
    const key = stateMapKey(type, stateKey);
    this.state.set(key, event.pdu);
    this.nids.set(key, event.nid);
    if (type === 'm.room.member') this.knownMembers.add(stateKey);
  }

  /** Lets go of member events; they are read again when somebody needs them. */
  forgetMembers(): void {
    for (const userId of this.knownMembers) {
      const key = stateMapKey('m.room.member', userId);
      this.state.delete(key);
      this.nids.delete(key);
    }
    this.knownMembers.clear();
  }
}

/** The user's membership in this room; the user's member event has to be loaded. */
export function membershipIn(room: LoadedRoom, userId: string): string | undefined {
  if (!room.knownMembers.has(userId)) throw new Error(`The member event of ${userId} was not loaded`);
  const membership = room.state.get(stateMapKey('m.room.member', userId))?.content.membership;
  return typeof membership === 'string' ? membership : undefined;
}
