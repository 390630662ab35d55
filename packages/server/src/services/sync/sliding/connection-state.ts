import type { StreamVector } from '../../../storage/stream.ts';
import type { RoomRule } from './sliding-request.ts';

/**
 * What a connection was told, at one version of it. It says little, so that it seldom changes: a room that stands in
 * the client's windows was told up to the client's `pos`, wherever that is, and only a room that left them has a place
 * of its own.
 */
export interface ConnectionState {
  /** By room nid. A room that is not here was never told. */
  readonly rooms: ReadonlyMap<number, ToldRoom>;
  /** By room ID: subscriptions of clients that send each of theirs once. */
  readonly subscriptions: ReadonlyMap<string, RoomRule>;
  /** The extensions that the last request had enabled. */
  readonly extensions: readonly string[];
  /** Grows when an extension is enabled: then what extensions told of rooms counts no longer. */
  readonly generation: number;
}

export interface ToldRoom {
  /** `undefined`: up to the client's `pos`. */
  readonly upTo: StreamVector | undefined;
  /** The last so many events were told without a gap. */
  readonly timelineLimit: number;
  /** The state that these rules ask for was told. */
  readonly stateRules: readonly string[];
  /** As a room that the user is invited to, or asked to be let into. */
  readonly isStripped: boolean;
  readonly isDirect: boolean;
  /** The generation in which extensions told of it last. */
  readonly generation: number;
}

export const NEW_CONNECTION: ConnectionState = {
  rooms: new Map(),
  subscriptions: new Map(),
  extensions: [],
  generation: 0,
};

/** What makes one version of a connection from the one before it. */
export interface StateChange {
  /** `undefined` for a room that counts as never told from now on. */
  readonly rooms: ReadonlyMap<number, ToldRoom | undefined>;
  /** The whole of each, where it changed. */
  readonly subscriptions: ReadonlyMap<string, RoomRule> | undefined;
  readonly extensions: readonly string[] | undefined;
  readonly generation: number | undefined;
}

export const NO_CHANGE: StateChange = {
  rooms: new Map(),
  subscriptions: undefined,
  extensions: undefined,
  generation: undefined,
};

export function applyChange(state: ConnectionState, change: StateChange): ConnectionState {
  const rooms = new Map(state.rooms);
  for (const [nid, told] of change.rooms) {
    if (told === undefined) rooms.delete(nid);
    else rooms.set(nid, told);
  }
  return {
    rooms,
    subscriptions: change.subscriptions ?? state.subscriptions,
    extensions: change.extensions ?? state.extensions,
    generation: change.generation ?? state.generation,
  };
}

/** A state as the change that makes it from nothing. */
export function wholeChange(state: ConnectionState): StateChange {
  return { ...state };
}
