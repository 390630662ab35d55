import type { StreamRange } from '../../storage/stream.ts';
import type { PresenceState } from './presence-state.ts';

/** What sync has to do with presence. */
export interface PresenceReader {
  /** The device asks for news while this runs. `said` is what the request says; without it the device is online. */
  whileAsking<T>(device: PresenceDevice, said: PresenceState | undefined, work: () => Promise<T>): Promise<T>;
  /** The `m.presence` events for one answer, by user ID, as JSON texts. */
  events(query: PresenceQuery): ReadonlyMap<string, string>;
}

export interface PresenceDevice {
  readonly userId: string;
  readonly deviceId: string;
}

export interface PresenceQuery {
  readonly userId: string;
  /** The rooms that the user is joined to. */
  readonly joined: ReadonlySet<string>;
  /** Rooms whose members all are news: those that the user joined. */
  readonly entered: ReadonlySet<string>;
  /** Whose presence changed; `undefined` where only `ranges` tell. */
  readonly changed: ReadonlySet<string> | undefined;
  /** The stretch that the answer tells; `undefined` for a first sync, which tells of everybody who is there. */
  readonly ranges: readonly StreamRange[] | undefined;
}
