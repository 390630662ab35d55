import type { JsonObject } from '@limpet/protocol/json';
import type { Platform } from '../../platform/platform.ts';
import type { Storage } from '../../storage/storage.ts';
import type { ServerKeys } from '../remote-servers/remote-servers.ts';
import { inTurns } from '../rooms/breathe.ts';
import type { ReceivedEvent } from '../rooms/received-event.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import { verifyReceived } from '../rooms/verify-received.ts';
import type { KnownEvents } from './known-events.ts';
import type { RemoteEvents } from './remote-events.ts';

/** Events of a room by ID: those to be placed, with what was fetched for them. */
export type EventPool = Map<string, ReceivedEvent>;

/** One try to find what events of one room rest on: whom to ask, and what is known. */
export interface Fetching {
  readonly room: RoomRecord;
  /** Those to ask, the one that sent the events first. */
  readonly servers: readonly string[];
  readonly remote: RemoteEvents;
  readonly known: KnownEvents;
  readonly keys: ServerKeys;
  readonly storage: Storage;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
  /** Those of these events that other servers sent and that wait here, too. */
  readonly stagedByIds: (eventIds: readonly string[]) => Promise<readonly ReceivedEvent[]>;
}

/**
 * What of an answer holds: events of this room with the right format, signatures and hash. The rest is passed over: it
 * stays missing, and whoever rests on it is refused for that. A2: they arrive now.
 */
export async function verifyFetched(
  objects: readonly JsonObject[],
  { room, keys, platform }: Pick<Fetching, 'room' | 'keys' | 'platform'>,
): Promise<EventPool> {
  const verification = { version: room.version, keys, receivedTs: platform.clock.nowMs() };
  const verified = await inTurns(platform.timers, objects, (part) => verifyReceived(part, verification));
  const events = verified.flatMap((one) => (one.allowed && one.event.pdu.roomId === room.roomId ? [one.event] : []));
  return new Map(events.map((event) => [event.pdu.eventId, event]));
}

/** The PDUs of a pool, as the rules on missing events take them. */
export function pdusOf(pool: EventPool) {
  return new Map([...pool].map(([eventId, { pdu }]) => [eventId, pdu]));
}
