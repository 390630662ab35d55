import { type DevicePresence, presenceOf, type ShownPresence } from './presence-state.ts';

interface Known {
  /** What was published last. */
  published: ShownPresence;
  /** Where that stands in the stream; 0 before the first time. */
  position: number;
  writer: number;
  /** The rooms whose members are told; `undefined` when they have to be looked up. */
  roomIds: readonly string[] | undefined;
  /** How often the user came into a room or left one: rooms that were read before that are not his any more. */
  moves: number;
  lastActiveMs: number;
  statusMessage: string | undefined;
  /** Otherwise the table may have one. */
  isStatusKnown: boolean;
}

/** A user of this server. */
export interface LocalPresence extends Known {
  readonly isLocal: true;
  readonly devices: Map<string, DevicePresence>;
}

/** A user of another server, as that server said last. */
export interface RemotePresence extends Known {
  readonly isLocal: false;
  said: Pick<ShownPresence, 'presence' | 'isActive'>;
  /** Nothing is known any more from then on. Wall clock. */
  untilMs: number;
}

export type KnownPresence = LocalPresence | RemotePresence;

export const OFFLINE: ShownPresence = { presence: 'offline', isActive: false, statusMessage: undefined };

/** What is to be shown of somebody now. */
export function shownOf(known: KnownPresence, nowMs: number): ShownPresence {
  const { statusMessage } = known;
  if (known.isLocal) return { ...presenceOf(known, nowMs), statusMessage };
  return known.untilMs > nowMs ? { ...known.said, statusMessage } : { ...OFFLINE, statusMessage };
}
