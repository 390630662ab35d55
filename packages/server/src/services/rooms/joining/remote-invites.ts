import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { signedTextOf } from '@limpet/protocol/event-id';
import { serverNameOf } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { trustedPdu } from '@limpet/protocol/parse-pdu';
import { contentOf, type Pdu, stateEvent, stateMapKey } from '@limpet/protocol/pdu';
import { signaturesOf, verifySignatureOf } from '@limpet/protocol/signing';
import type { Clock } from '../../../platform/clock.ts';
import { RemoteServerError, type RemoteServers } from '../../remote-servers/remote-servers.ts';
import type { EventMaker, MadeEvent, NewEvent } from '../event-maker.ts';
import type { EventStore } from '../event-store.ts';
import type { LoadedRoom } from '../loaded-room.ts';
import type { RoomInTurn } from '../room-actor.ts';
import type { RoomRecord } from '../room-event.ts';
import type { RoomReceiver } from '../room-receiver.ts';
import type { RoomWriter } from '../room-writer.ts';
import { STRIPPED_STATE_TYPES } from '../strip-event.ts';
import { hideUnknownRoom } from '../unknown-room.ts';
import { clientErrorOf } from './ask-servers.ts';
import { isUnknownEndpoint } from './handshake.ts';

const INVITE_TIMEOUT_MS = 60_000;
/** The event with one more signature. */
const MAX_INVITE_ANSWER_BYTES = 262_144;

export interface RemoteInvitesParts {
  readonly remote: RemoteServers;
  readonly receiver: RoomReceiver;
  readonly writer: RoomWriter;
  readonly maker: EventMaker;
  readonly events: EventStore;
  readonly platform: { readonly clock: Clock };
  /** Shows the event to the room's policy server. Throws M_FORBIDDEN where it is not welcome. */
  readonly approve: (room: RoomRecord, made: MadeEvent) => Promise<MadeEvent>;
}

export interface RemoteInvite {
  readonly roomId: string;
  readonly sender: string;
  readonly target: string;
  /** The member event. */
  readonly event: NewEvent;
  /** For an invite that may be asked for again after a crash. */
  readonly attempt?: InviteAttempt | undefined;
}

/**
 * One event is made of an invite however often it is tried, so that nobody is invited twice: the other server knows it
 * by its ID. To be kept where it outlives this process.
 */
export interface InviteAttempt {
  /** The event, as canonical JSON, if it was made before. */
  readonly before: string | undefined;
  /** Called before anybody else hears of the event. */
  keep(canonicalJson: string): Promise<void>;
}

/** The invite as it was made, and what the invited server is told of the room. */
interface Draft {
  readonly made: MadeEvent;
  readonly room: LoadedRoom;
  readonly roomState: readonly JsonObject[];
}

/**
 * Invites users of other servers: theirs has to sign the invite before it goes into the room.
 * Specification: server-server API, "Inviting to a room".
 */
export class RemoteInvites {
  readonly #parts: RemoteInvitesParts;

  constructor(parts: RemoteInvitesParts) {
    this.#parts = parts;
  }

  /**
   * The ID of the invite; `undefined` where the user is invited already and `isRepeatable`. Throws M_FORBIDDEN where
   * the room does not allow it, or the other server.
   *
   * The room goes on while the other server is asked: the event is made in the room's turn, and comes back like one of
   * another server, to where it was made for.
   */
  async invite(invite: RemoteInvite, isDone: (turn: RoomInTurn) => boolean): Promise<string | undefined> {
    const { roomId, sender, attempt } = invite;
    const known = attempt?.before === undefined ? undefined : await this.#findBefore(roomId, attempt.before);
    if (known !== undefined) return known;
    const draft = await this.#draft(invite, isDone);
    if (draft === undefined) return undefined;
    const made = await this.#parts.approve(draft.room.record, draft.made);
    if (attempt?.before === undefined) await attempt?.keep(made.canonicalJson);
    const event = await this.#signed({ ...draft, made }, invite);
    const [reception] = await this.#parts.receiver.receive(roomId, [event], { isToBeSent: true });
    if (reception?.outcome === 'soft-failed' || reception?.outcome === 'rejected') {
      throw new MatrixError('M_FORBIDDEN', reception.reason);
    }
    if (reception?.outcome === 'missing') throw new Error(`An invite by ${sender} rests on what is not there`);
    return event.pdu.eventId;
  }

  /** Its ID, if it came into the room before. Throws M_FORBIDDEN where the room did not take it. */
  async #findBefore(roomId: string, canonicalJson: string): Promise<string | undefined> {
    const { events } = this.#parts;
    const room = await events.room(roomId);
    if (room === undefined) return undefined;
    const { eventId } = this.#madeBefore(canonicalJson, room).pdu;
    const found = (await events.byIds([eventId])).get(eventId);
    if (found?.isRejected || found?.isSoftFailed) {
      throw new MatrixError('M_FORBIDDEN', 'The room did not take this invite when it came back signed.');
    }
    return found && eventId;
  }

  async #draft(invite: RemoteInvite, isDone: (turn: RoomInTurn) => boolean): Promise<Draft | undefined> {
    const { writer, maker } = this.#parts;
    const { roomId, sender, target } = invite;
    let draft: Draft | undefined;
    const decided = writer.change(roomId, async (turn) => {
      const { room } = turn;
      await turn.loadMembers(sender, target);
      draft = undefined;
      if (isDone(turn)) return { events: [] };
      if (contentOf(stateEvent(room.state, 'm.room.create', ''), 'm.federate') === false) throw notForOthers();
      const previous = room.extremities.map(({ pdu }) => pdu);
      const context = { roomId, version: room.record.version, state: room.state, previous };
      // Made in any case: what the room allowed when it was made before it may not allow now.
      const anew = maker.make(invite.event, context);
      const before = invite.attempt?.before;
      const made = before === undefined ? anew : this.#madeBefore(before, room.record);
      draft = { made, room, roomState: stateToTell(room, sender) };
      return { events: [] };
    });
    await hideUnknownRoom(decided, sender);
    return draft;
  }

  #madeBefore(canonicalJson: string, { version }: RoomRecord): MadeEvent {
    const pdu = trustedPdu(JSON.parse(canonicalJson) as JsonObject, version);
    return { pdu, canonicalJson, receivedTs: this.#parts.platform.clock.nowMs() };
  }

  async #signed(draft: Draft, { target }: RemoteInvite): Promise<MadeEvent> {
    const serverName = serverNameOf(target);
    if (serverName === undefined) throw new Error(`${target} is no user of another server`);
    try {
      const answer = await this.#ask(serverName, draft);
      return await this.#countersigned(draft, serverName, answer);
    } catch (error) {
      throw error instanceof RemoteServerError ? clientErrorOf(error) : error;
    }
  }

  async #ask(serverName: string, { made, room, roomState }: Draft): Promise<JsonValue> {
    const { pdu } = made;
    const { version } = room.record;
    const put = (api: 'v1' | 'v2', body: JsonObject) =>
      this.#parts.remote.request(serverName, {
        method: 'PUT',
        path: `/_matrix/federation/${api}/invite/${encodeURIComponent(pdu.roomId)}/${encodeURIComponent(pdu.eventId)}`,
        body,
        timeoutMs: INVITE_TIMEOUT_MS,
        maxBytes: MAX_INVITE_ANSWER_BYTES,
      });
    const invite_room_state = [...roomState];
    try {
      return await put('v2', { room_version: version.id, event: pdu.json, invite_room_state });
    } catch (error) {
      // Servers that know no version of rooms but the first two may not know the second version of this, either.
      if (version.eventIdIsHash || !isUnknownEndpoint(error)) throw error;
      const answer = await put('v1', { ...pdu.json, unsigned: { invite_room_state } });
      return Array.isArray(answer) ? (answer[1] ?? null) : answer;
    }
  }

  /** Our event with the other server's signatures, and nothing else of what it gave back. */
  async #countersigned({ made, room }: Draft, serverName: string, answer: JsonValue): Promise<MadeEvent> {
    const given = isJsonObject(answer) && isJsonObject(answer.event) ? answer.event : {};
    const theirs = signaturesOf(given, serverName);
    const { version } = room.record;
    const ours = isJsonObject(made.pdu.json.signatures) ? made.pdu.json.signatures : {};
    const signed = Object.fromEntries(theirs.map(({ keyId, signature }) => [keyId, signature]));
    // It may be the room's policy server, too, and have signed as that.
    const before = isJsonObject(ours[serverName]) ? ours[serverName] : {};
    const json: JsonObject = { ...made.pdu.json, signatures: { ...ours, [serverName]: { ...signed, ...before } } };
    const found = await this.#parts.remote.keys.find(
      theirs.map(({ keyId }) => ({ serverName, keyId, validAt: 'now' })),
    );
    const keys = new Map(theirs.flatMap(({ keyId }, index) => (found[index] ? [[keyId, found[index]] as const] : [])));
    const verdict = verifySignatureOf(serverName, { object: json, text: signedTextOf(json, version), keys });
    if (!verdict.allowed) throw new RemoteServerError(serverName, 'bad-answer', verdict.reason);
    return { ...made, pdu: { ...made.pdu, json }, canonicalJson: encodeCanonicalJson(json) };
  }
}

/** Specification: `m.room.create`, `m.federate`: the invited user could never join. */
function notForOthers(): MatrixError {
  return new MatrixError('M_FORBIDDEN', 'The room was made for the users of this server alone (m.federate).');
}

/**
 * What of the room the invited server is told, as whole events, so that it can check them: the create event makes the
 * room ID. Specification: server-server API, `PUT /invite`, `invite_room_state` (since MSC4311).
 */
function stateToTell(room: LoadedRoom, sender: string): JsonObject[] {
  const keys = STRIPPED_STATE_TYPES.map((type) => stateMapKey(type, ''));
  const told: (Pdu | undefined)[] = keys.map((key) => room.state.get(key));
  told.push(room.state.get(stateMapKey('m.room.member', sender)));
  return told.flatMap((pdu) => (pdu === undefined ? [] : [pdu.json]));
}
