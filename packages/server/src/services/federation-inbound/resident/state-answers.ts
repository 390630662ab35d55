import { MatrixError } from '@limpet/protocol/matrix-error';
import type { AuthChains } from '../../rooms/auth-chains.ts';
import type { EventStore } from '../../rooms/event-store.ts';
import type { EventTexts } from '../../rooms/event-texts.ts';
import type { RoomEvent } from '../../rooms/room-event.ts';
import type { RoomStateReader } from '../../rooms/room-state.ts';
import type { ServerSight } from '../../rooms/server-sight.ts';
import { FewAtOnce } from './few-at-once.ts';
import { JsonBytes } from './json-bytes.ts';
import type { RoomGate } from './room-gate.ts';

/** Answers with the state of a room that are put together at once, and requests that may wait for their turn. */
const MAX_AT_ONCE = 2;
const MAX_WAITING = 200;

interface StateAnswersParts {
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly sight: ServerSight;
  readonly texts: EventTexts;
  readonly authChains: AuthChains;
  readonly gate: RoomGate;
}

export interface StateQuestion {
  /** The server that asks. */
  readonly serverName: string;
  readonly roomId: string;
  readonly eventId: string;
}

/** Slot nid to event nid. */
type State = ReadonlyMap<number, number>;

/**
 * Answers that hold a room's state and auth chains, which for large rooms are many megabytes: joined from the texts as
 * they are kept, with everybody else getting their turn in between, and few of them at once.
 */
export class StateAnswers {
  readonly #parts: StateAnswersParts;
  readonly #turns = new FewAtOnce({ atOnce: MAX_AT_ONCE, waiting: MAX_WAITING });

  constructor(parts: StateAnswersParts) {
    this.#parts = parts;
  }

  /** Specification: server-server API, `GET /state/{roomId}`. Throws M_FORBIDDEN, M_NOT_FOUND. */
  state(question: StateQuestion): Promise<Uint8Array> {
    return this.#turns.run(async () => {
      const { texts } = this.#parts;
      const { state, chain } = await this.#at(question);
      return new JsonBytes()
        .addList('pdus', await texts.texts(state))
        .addList('auth_chain', await texts.texts(chain))
        .bytes();
    });
  }

  /** Specification: server-server API, `GET /state_ids/{roomId}`. Throws M_FORBIDDEN, M_NOT_FOUND. */
  stateIds(question: StateQuestion): Promise<Uint8Array> {
    return this.#turns.run(async () => {
      const { texts } = this.#parts;
      const { state, chain } = await this.#at(question);
      const quoted = (ids: readonly string[]) => ids.map((id) => JSON.stringify(id));
      return new JsonBytes()
        .addList('pdu_ids', quoted(await texts.ids(state)))
        .addList('auth_chain_ids', quoted(await texts.ids(chain)))
        .bytes();
    });
  }

  /** Specification: server-server API, `GET /event_auth/{roomId}/{eventId}`. Throws M_FORBIDDEN, M_NOT_FOUND. */
  eventAuth(question: StateQuestion): Promise<Uint8Array> {
    return this.#turns.run(async () => {
      const { texts, authChains } = this.#parts;
      const event = await this.#eventOf(question);
      const chain = await authChains.of([event.nid]);
      return new JsonBytes().addList('auth_chain', await texts.texts([...chain])).bytes();
    });
  }

  async #at(question: StateQuestion): Promise<{ state: readonly number[]; chain: readonly number[] }> {
    const event = await this.#eventOf(question);
    const state = [...(await this.#stateBefore(event)).values()];
    return { state, chain: [...(await this.#parts.authChains.of(state))] };
  }

  /** Who is in the room may ask about every event of it; who was, about those at which he was. */
  async #eventOf({ serverName, roomId, eventId }: StateQuestion): Promise<RoomEvent> {
    const { gate, events, sight } = this.#parts;
    const { room, standing } = await gate.enter(roomId, serverName);
    const event = (await events.byIds([eventId])).get(eventId);
    const isSeen = event !== undefined && (standing.isIn || (await sight.wasThereAt(serverName, event)));
    if (event?.room.nid !== room.nid || !isSeen) throw unknownEvent(eventId);
    return event;
  }

  async #stateBefore(event: RoomEvent): Promise<State> {
    if (event.stateBefore === undefined) throw unknownEvent(event.pdu.eventId);
    return this.#parts.state.snapshot(event.stateBefore);
  }
}

export function unknownEvent(eventId: string): MatrixError {
  return new MatrixError('M_NOT_FOUND', `The event ${eventId} is not known here, or not to be seen.`);
}
