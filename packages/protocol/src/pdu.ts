import type { JsonObject, JsonValue } from './json.ts';

/**
 * A persistent data unit as it stands in the room: parsed from canonical JSON, of the right shape for its room version,
 * never changed afterwards. Specification: server-server API, "PDUs", and the event format of each room version.
 *
 * `eventId` is ours: from room version 3 on it is the reference hash and is not part of the JSON.
 */
export interface Pdu {
  readonly eventId: string;
  readonly roomId: string;
  readonly sender: string;
  readonly type: string;
  readonly stateKey: string | undefined;
  readonly content: JsonObject;
  readonly originServerTs: number;
  readonly depth: number;
  /** Event IDs, in the order they stand in the event. */
  readonly prevEvents: readonly string[];
  readonly authEvents: readonly string[];
  /** What this event redacts, wherever its room version keeps it. */
  readonly redacts: string | undefined;
  /** The whole JSON object as signed, with `hashes` and `signatures`, without `unsigned`, `age_ts` and local fields. */
  readonly json: JsonObject;
}

/** A slot of a room's state. */
export interface StateKey {
  readonly type: string;
  readonly stateKey: string;
}

/** Room state as the rules take it: `type` NUL `state_key` (see `stateMapKey`) to the event. */
export type StateMap = ReadonlyMap<string, Pdu>;

export function stateMapKey(type: string, stateKey: string): string {
  return `${type}\0${stateKey}`;
}

/** The state event in this slot. */
export function stateEvent(state: StateMap, type: string, stateKey: string): Pdu | undefined {
  return state.get(stateMapKey(type, stateKey));
}

/** One property of an event's content. */
export function contentOf(event: Pick<Pdu, 'content'> | undefined, key: string): JsonValue | undefined {
  return event !== undefined && Object.hasOwn(event.content, key) ? event.content[key] : undefined;
}
