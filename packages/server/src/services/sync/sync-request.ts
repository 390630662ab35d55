import type { Filter } from '../accounts/filter.ts';
import type { PresenceState } from '../presence/presence-state.ts';
import type { SyncToken } from './sync-token.ts';

/** A `/sync` request, parsed. Specification: client-server API, "Syncing"; MSC4222 for `stateAfterName`. */
export interface SyncRequest {
  readonly userId: string;
  readonly deviceId: string;
  /** `undefined` for an initial sync. */
  readonly since: SyncToken | undefined;
  readonly filter: Filter;
  readonly fullState: boolean;
  /** What the request says of the user's being there; `undefined` where it says nothing, which is that he is. */
  readonly setPresence?: PresenceState | undefined;
  /** How long to wait for news, in milliseconds. */
  readonly timeoutMs: number;
  /** MSC4222: the name under which the state at the end of the timeline is given instead of `state` at its start. */
  readonly stateAfterName: string | undefined;
  /** Aborts when the client goes away or the server stops: then the answer is what there is. */
  readonly signal: AbortSignal;
}
