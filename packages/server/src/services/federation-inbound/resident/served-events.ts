import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { redactJson } from '@limpet/protocol/redaction';
import type { Storage } from '../../../storage/storage.ts';
import type { EventStore } from '../../rooms/event-store.ts';
import { eventsByTime, type TimedEvent } from '../../rooms/events-by-time.ts';
import type { RoomEvent, RoomRecord } from '../../rooms/room-event.ts';
import type { RoomStateReader } from '../../rooms/room-state.ts';
import type { ServerSight, ServerStanding } from '../../rooms/server-sight.ts';
import { STRIPPED_STATE_TYPES } from '../../rooms/strip-event.ts';
import { notInRoom, type RoomGate } from './room-gate.ts';
import { unknownEvent } from './state-answers.ts';

interface ServedEventsParts {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly sight: ServerSight;
  readonly gate: RoomGate;
}

/** Who looks at the events of a room. */
interface Viewer {
  readonly serverName: string;
  readonly standing: ServerStanding;
}

/** Gives events to other servers, as far as each of them may see them. */
export class ServedEvents {
  readonly #parts: ServedEventsParts;

  constructor(parts: ServedEventsParts) {
    this.#parts = parts;
  }

  /**
   * One event. Specification: server-server API, `GET /event/{eventId}`. Throws M_NOT_FOUND for one that is not known
   * or was rejected, and for every server that is not in its room: nobody shall learn which events there are.
   */
  async event(eventId: string, serverName: string): Promise<string> {
    const { events, sight, gate } = this.#parts;
    const event = (await events.byIds([eventId])).get(eventId);
    if (event === undefined || event.isRejected) throw unknownEvent(eventId);
    const standing = await sight.standing(event.room, serverName);
    if (standing === undefined) throw unknownEvent(eventId);
    await gate.checkAcl(event.room, serverName);
    const [text] = await this.texts([event], { serverName, standing });
    if (text === undefined) throw unknownEvent(eventId);
    return text;
  }

  /**
   * The texts of events of one room, in their order. What the server may not see it gets redacted, which leaves how the
   * events hang together; from a room that it left, not at all.
   */
  async texts(events: readonly RoomEvent[], { serverName, standing }: Viewer): Promise<string[]> {
    const seen = await this.#parts.sight.visibleTo(serverName, standing, events);
    return events.flatMap((event) => {
      const { json } = event.pdu;
      if (seen.has(event)) return [encodeCanonicalJson(json)];
      return standing.isIn ? [encodeCanonicalJson(redactJson(json, event.room.version))] : [];
    });
  }

  /**
   * What of a room's state who knocks gets to see: whole events, so that it can be checked.
   * Specification: server-server API, `PUT /send_knock/{roomId}/{eventId}`, `knock_room_state`.
   */
  async roomState(room: RoomRecord): Promise<string[]> {
    const events = await this.#parts.state.currentOfTypes(room, STRIPPED_STATE_TYPES);
    return events.filter(({ pdu }) => pdu.stateKey === '').map(({ pdu }) => encodeCanonicalJson(pdu.json));
  }

  /** Specification: server-server API, `GET /timestamp_to_event/{roomId}`. Throws M_FORBIDDEN, M_NOT_FOUND. */
  async byTime(
    roomId: string,
    serverName: string,
    wanted: { readonly ts: number; readonly direction: 'f' | 'b' },
  ): Promise<TimedEvent> {
    const { room, standing } = await this.#parts.gate.enter(roomId, serverName);
    if (!standing.isIn) throw notInRoom(serverName);
    const [found] = await eventsByTime(this.#parts.storage, room, wanted);
    if (found === undefined) throw unknownEvent('of that time');
    return found;
  }
}
