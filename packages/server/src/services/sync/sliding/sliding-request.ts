import type { SlidingSyncExtensions } from '@limpet/protocol/endpoints/client/sliding-sync-extensions';
import type { PresenceState } from '../../presence/presence-state.ts';

/** A request of sliding sync, parsed. Specification: MSC4186. */
export interface SlidingRequest {
  readonly userId: string;
  readonly deviceId: string;
  /** '' where the client gives none. */
  readonly connId: string;
  /** As the client gave it; `undefined` begins a connection anew. */
  readonly pos: string | undefined;
  /** What the request says of the user's being there; `undefined` where it says nothing, which is that he is. */
  readonly setPresence: PresenceState | undefined;
  /** How long to wait for news, in milliseconds. */
  readonly timeoutMs: number;
  /** Echoed. */
  readonly txnId: string | undefined;
  /** By name. */
  readonly lists: ReadonlyMap<string, ListRule>;
  /** By room ID. */
  readonly subscriptions: ReadonlyMap<string, RoomRule>;
  readonly unsubscriptions: readonly string[];
  readonly extensions: SlidingSyncExtensions;
  /** Aborts when the client goes away or the server stops: then the answer is what there is. */
  readonly signal: AbortSignal;
}

/** What is told of the rooms that match. */
export interface RoomRule {
  readonly timelineLimit: number;
  /** The `required_state`, as `state-rule.ts` writes it. */
  readonly stateRule: string;
}

export interface ListRule extends RoomRule {
  /** First and last index, both included, from 0; `undefined`: all rooms. */
  readonly ranges: readonly (readonly [first: number, last: number])[] | undefined;
  readonly filters: ListFilters;
}

/** What is `undefined` lets every room pass. */
export interface ListFilters {
  readonly isDirect: boolean | undefined;
  readonly spaces: readonly string[] | undefined;
  readonly isEncrypted: boolean | undefined;
  readonly isInvited: boolean | undefined;
  /** `null` stands for rooms without a type. */
  readonly roomTypes: readonly (string | null)[] | undefined;
  readonly notRoomTypes: readonly (string | null)[] | undefined;
  readonly tags: readonly string[] | undefined;
  readonly notTags: readonly string[] | undefined;
  /** A part of the name, in any case. */
  readonly roomNameLike: string | undefined;
}
