import { serverNameOf } from '@limpet/protocol/identifiers';
import { type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import type { RoomView } from './projection.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';
import { NO_STATE, type StateRef } from './state-ref.ts';

/** An event that no other one of the room names as previous. */
export interface ForwardExtremity {
  readonly nid: number;
  readonly pdu: Pdu;
}

/** Where in the room this server's own time in it begins. */
export interface RoomEntrance {
  readonly depth: number;
  readonly originServerTs: number;
  readonly roomIndex: number;
  /** Where the last event stands that was pushed and is older (`timeline-gap.ts`). */
  lastPastIndex: number;
}

/** What becomes of the servers in a room when one user comes or goes. */
export interface ServerStep {
  readonly serverName: string;
  readonly isIn: boolean;
}

/**
 * A room as its writer has it in memory: current state without memberships, the member events that were asked for, and
 * where the graph ends. It runs ahead of the disk by what is queued. Only what appends and the loading change it.
 */
export class LoadedRoom implements RoomView {
  readonly record: RoomRecord;
  readonly serverName: string;
  /** By `stateMapKey`; of the member events, those of `knownMembers` that there are. */
  readonly state = new Map<string, Pdu>();
  /** The nids of the events of `state`. */
  readonly nids = new Map<string, number>();
  /** Users whose member event is in `state`, or known not to be. */
  readonly knownMembers = new Set<string>();
  readonly localJoined = new Set<string>();
  readonly serversIn = new Set<string>();
  /** Joined users of each other server. */
  readonly #joinedByServer = new Map<string, number>();
  joinedCount = 0;
  extremities: readonly ForwardExtremity[] = [];
  lastRoomIndex = 0;
  /** The join by which this server came into the room last; `undefined` for rooms that were made here. */
  entered: RoomEntrance | undefined;
  /** The current state, whole. */
  current: StateRef = NO_STATE;
  /** Whether there are soft-failed events that still stick, which a change of the state may let pass (E7). */
  hasRefusedSticky = false;

  constructor(record: RoomRecord, serverName: string) {
    this.record = record;
    this.serverName = serverName;
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

  /** State resolution may leave a slot empty. */
  clearState(type: string, stateKey: string): void {
    const key = stateMapKey(type, stateKey);
    this.state.delete(key);
    this.nids.delete(key);
    if (type === 'm.room.member') this.knownMembers.add(stateKey);
  }

  /** Counts one who came (1) or went (-1); what that is for the user's server, if it changes anything. */
  countJoined(userId: string, change: number): ServerStep | undefined {
    this.joinedCount += change;
    const serverName = serverNameOf(userId);
    if (serverName === undefined) return undefined;
    if (serverName === this.serverName) {
      if (change > 0) this.localJoined.add(userId);
      else this.localJoined.delete(userId);
      return undefined;
    }
    const count = (this.#joinedByServer.get(serverName) ?? 0) + change;
    const isIn = count > 0;
    if (isIn) this.#joinedByServer.set(serverName, count);
    else this.#joinedByServer.delete(serverName);
    if (this.serversIn.has(serverName) === isIn) return undefined;
    if (isIn) this.serversIn.add(serverName);
    else this.serversIn.delete(serverName);
    return { serverName, isIn };
  }

  /** Lets go of member events; they are read again when somebody needs them. */
  forgetMembers(): void {
    for (const userId of [...this.knownMembers]) this.clearState('m.room.member', userId);
    this.knownMembers.clear();
  }
}

/** The user's membership in this room; the user's member event has to be loaded. */
export function membershipIn(room: LoadedRoom, userId: string): string | undefined {
  if (!room.knownMembers.has(userId)) throw new Error(`The member event of ${userId} was not loaded`);
  const membership = room.state.get(stateMapKey('m.room.member', userId))?.content.membership;
  return typeof membership === 'string' ? membership : undefined;
}
