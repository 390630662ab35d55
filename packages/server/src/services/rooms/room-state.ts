import type { RoomEvent, RoomRecord } from './room-event.ts';

/**
 * Reads of room state. A snapshot is for ever what it is, so whoever asks by snapshot gets the same answer at any time;
 * "current" moves under the reader.
 */
export interface RoomStateReader {
  /** The whole state of a snapshot: slot nid → event nid. Shared and cached: never change it. */
  snapshot(snapshotNid: number): Promise<ReadonlyMap<number, number>>;
  /**
   * The room's current state just before this event took its place in the timeline, and just after: what clients see.
   * Where the graph is forked that is not the state that the event itself rests on.
   */
  snapshotAt(event: RoomEvent): Promise<ReadonlyMap<number, number>>;
  snapshotAfter(event: RoomEvent): Promise<ReadonlyMap<number, number>>;
  /** The nid of a slot; `undefined` where no room ever had one like it. */
  slotNid(type: string, stateKey: string): Promise<number | undefined>;
  /** The slots of these nids. */
  slots(nids: readonly number[]): Promise<ReadonlyMap<number, StateSlot>>;
  /** Current state: one slot, all slots of some types, or everything. */
  current(room: RoomRecord, type: string, stateKey: string): Promise<RoomEvent | undefined>;
  currentOfTypes(room: RoomRecord, types: readonly string[]): Promise<RoomEvent[]>;
  currentAll(room: RoomRecord): Promise<RoomEvent[]>;
}

export interface StateSlot {
  readonly nid: number;
  readonly type: string;
  readonly stateKey: string;
}
