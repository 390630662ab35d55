import { serverNameOf } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Timers } from '../../../platform/timers.ts';
import { selectHeroes } from '../../../storage/queries/sync.ts';
import type { Storage } from '../../../storage/storage.ts';
import type { AuthChains } from '../../rooms/auth-chains.ts';
import { inTurns } from '../../rooms/breathe.ts';
import type { EventStore } from '../../rooms/event-store.ts';
import type { EventTexts } from '../../rooms/event-texts.ts';
import type { RoomEvent, RoomRecord } from '../../rooms/room-event.ts';
import type { RoomStateReader } from '../../rooms/room-state.ts';
import type { ServerSight } from '../../rooms/server-sight.ts';
import { FewAtOnce } from './few-at-once.ts';
import type { TakenOver } from './handed-over-events.ts';
import { JsonBytes } from './json-bytes.ts';
import type { RoomGate } from './room-gate.ts';

/** Answers with the state of a room that are put together at once. */
const MAX_AT_ONCE = 2;
/** Requests that may wait for their turn, of one server and of all. */
const MAX_WAITING_OF_SERVER = 20;
const MAX_WAITING = 500;
/** Members that a room without a name is named after. Client-server API, "Calculating the display name". */
const MAX_HEROES = 5;

interface StateAnswersParts {
  readonly serverName: string;
  readonly storage: Storage;
  readonly timers: Timers;
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
  readonly #turns = new FewAtOnce({
    atOnce: MAX_AT_ONCE,
    waitingOfOne: MAX_WAITING_OF_SERVER,
    waiting: MAX_WAITING,
  });

  constructor(parts: StateAnswersParts) {
    this.#parts = parts;
  }

  /** Specification: server-server API, `GET /state/{roomId}`. Throws M_FORBIDDEN, M_NOT_FOUND. */
  state(question: StateQuestion): Promise<Uint8Array> {
    return this.#turns.run(question.serverName, async () => {
      const { texts, timers } = this.#parts;
      const { state, chain } = await this.#at(question);
      const answer = new JsonBytes(timers);
      await answer.addList('pdus', await texts.texts(state));
      await answer.addList('auth_chain', await texts.texts(chain));
      return answer.bytes();
    });
  }

  /** Specification: server-server API, `GET /state_ids/{roomId}`. Throws M_FORBIDDEN, M_NOT_FOUND. */
  stateIds(question: StateQuestion): Promise<Uint8Array> {
    return this.#turns.run(question.serverName, async () => {
      const { texts, timers } = this.#parts;
      const { state, chain } = await this.#at(question);
      const quoted = (ids: readonly string[]) => ids.map((id) => JSON.stringify(id));
      const answer = new JsonBytes(timers);
      await answer.addList('pdu_ids', quoted(await texts.ids(state)));
      await answer.addList('auth_chain_ids', quoted(await texts.ids(chain)));
      return answer.bytes();
    });
  }

  /** Specification: server-server API, `GET /event_auth/{roomId}/{eventId}`. Throws M_FORBIDDEN, M_NOT_FOUND. */
  eventAuth(question: StateQuestion): Promise<Uint8Array> {
    return this.#turns.run(question.serverName, async () => {
      const { texts, authChains, timers } = this.#parts;
      const event = await this.#eventOf(question);
      const chain = await authChains.of([event.nid]);
      const answer = new JsonBytes(timers);
      await answer.addList('auth_chain', await texts.texts([...chain]));
      return answer.bytes();
    });
  }

  /**
   * What a server that joined a room needs of it. With `omitMembers`, of the members only those whom the room is named
   * after, and of the auth chain nothing that stands in the state already.
   * Specification: server-server API, `PUT /send_join/{roomId}/{eventId}`.
   */
  joined({ room, event, serversBefore }: TakenOver, omitMembers: boolean): Promise<Uint8Array> {
    const joiner = serverNameOf(event.pdu.sender) ?? '';
    return this.#turns.run(joiner, async () => {
      const { texts, authChains, timers, serverName } = this.#parts;
      const whole = await this.#stateBefore(event);
      const state = omitMembers ? await this.#withoutMembers(whole, room, event) : [...whole.values()];
      const chain = new Set(await authChains.of([...state, event.nid]));
      if (omitMembers) for (const nid of state) chain.delete(nid);
      const [text = ''] = await texts.texts([event.nid]);
      const answer = new JsonBytes(timers);
      answer.add('origin', JSON.stringify(serverName));
      answer.add('event', text);
      answer.add('members_omitted', JSON.stringify(omitMembers));
      if (omitMembers) answer.add('servers_in_room', JSON.stringify(serversBefore));
      await answer.addList('state', await texts.texts(state));
      await answer.addList('auth_chain', await texts.texts([...chain]));
      return answer.bytes();
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

  async #withoutMembers(whole: State, room: RoomRecord, join: RoomEvent): Promise<number[]> {
    const { state, timers } = this.#parts;
    const slots = await inTurns(timers, [...whole.keys()], async (part) => [...(await state.slots(part)).values()]);
    const kept = slots.filter(({ type }) => type !== 'm.room.member').flatMap(({ nid }) => whole.get(nid) ?? []);
    const names = new Set(slots.filter(({ stateKey }) => stateKey === '').map(({ type }) => type));
    if (names.has('m.room.name') || names.has('m.room.canonical_alias')) return kept;
    return [...kept, ...(await this.#heroes(whole, room, join))];
  }

  async #heroes(whole: State, room: RoomRecord, join: RoomEvent): Promise<number[]> {
    const { storage, state } = this.#parts;
    const rows = await storage.read(selectHeroes, {
      roomNid: room.nid,
      userId: join.pdu.sender,
      membership: 'join',
      otherMembership: 'invite',
      limit: MAX_HEROES,
    });
    const slots = await Promise.all(rows.map((row) => state.slotNid('m.room.member', row.user_id)));
    return slots.flatMap((slotNid) => whole.get(slotNid ?? 0) ?? []);
  }
}

export function unknownEvent(eventId: string): MatrixError {
  return new MatrixError('M_NOT_FOUND', `The event ${eventId} is not known here, or not to be seen.`);
}
