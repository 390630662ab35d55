import { hasValidContentHash } from '@limpet/protocol/content-hash';
import { serverNameOf } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { parsePdu } from '@limpet/protocol/parse-pdu';
import { contentOf, type Pdu } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import { type SigningKey, signEvent } from '@limpet/protocol/signing';
import type { Clock } from '../../../platform/clock.ts';
import type { ServerKeys } from '../../remote-servers/remote-servers.ts';
import type { EventStore } from '../../rooms/event-store.ts';
import type { ReceivedEvent } from '../../rooms/received-event.ts';
import type { RoomEvent, RoomRecord } from '../../rooms/room-event.ts';
import type { RoomReceiver } from '../../rooms/room-receiver.ts';
import type { RoomServers } from '../../rooms/room-servers.ts';
import type { RoomWriter } from '../../rooms/room-writer.ts';
import { verifyReceived } from '../../rooms/verify-received.ts';
import { type AskedMembership, checkResident } from './membership-templates.ts';
import type { Newcomers } from './newcomers.ts';
import type { RoomGate } from './room-gate.ts';

interface HandedOverEventsParts {
  readonly serverName: string;
  readonly signingKey: SigningKey;
  readonly clock: Clock;
  readonly keys: ServerKeys;
  readonly gate: RoomGate;
  readonly writer: RoomWriter;
  readonly receiver: RoomReceiver;
  readonly events: EventStore;
  readonly roomServers: RoomServers;
  readonly newcomers: Newcomers;
}

/** A member event of its own user that a server brings to us, since we are in the room and it is not. */
export interface HandedOver {
  /** The server that brings it. */
  readonly serverName: string;
  readonly roomId: string;
  /** As the path names it. */
  readonly eventId: string;
  readonly json: JsonObject;
  readonly membership: AskedMembership;
}

/** The event as it stands in the room, signed by us where it has to be. */
export interface TakenOver {
  readonly room: RoomRecord;
  readonly event: RoomEvent;
  /** The servers that were in the room before it, this one included. */
  readonly serversBefore: readonly string[];
}

/**
 * Takes joins, leaves and knocks of other servers' users into rooms, to be sent on to everybody there.
 * Specification: server-server API, `send_join`, `send_leave`, `send_knock`.
 */
export class HandedOverEvents {
  readonly #parts: HandedOverEventsParts;

  constructor(parts: HandedOverEventsParts) {
    this.#parts = parts;
  }

  /**
   * The same event again is taken as well. Throws M_NOT_FOUND for a room where nobody of ours is, M_BAD_JSON for what
   * is no event, M_INVALID_PARAM for one of another kind, user or room than the path says, M_FORBIDDEN where a
   * signature is wrong, or the room or its policy server refuses it; for restricted rooms what `newcomers.ts` throws.
   */
  async take(handedOver: HandedOver): Promise<TakenOver> {
    const { roomId, serverName, membership } = handedOver;
    const room = await this.#parts.gate.approach(roomId, serverName);
    const pdu = readPdu(handedOver, room.version);
    const sign = await this.#decide(pdu, membership);
    const event = await this.#verify(sign(handedOver.json), room.version);
    const serversBefore = [this.#parts.serverName, ...(await this.#parts.roomServers.in(room))];
    return { room, event: await this.#receive(roomId, event), serversBefore };
  }

  /** What the room says before the event is looked at closely; how it is to be signed. */
  async #decide(pdu: Pdu, membership: AskedMembership): Promise<(json: JsonObject) => JsonObject> {
    const { serverName, signingKey } = this.#parts;
    const authorisingUser = contentOf(pdu, 'join_authorised_via_users_server');
    let sign = (json: JsonObject) => json;
    await this.#parts.writer.change(pdu.roomId, async (turn) => {
      checkResident(turn.room);
      const { version } = turn.room.record;
      if (membership === 'join' && version.allowsRestrictedJoins && typeof authorisingUser === 'string') {
        if (serverNameOf(authorisingUser) !== serverName) {
          throw new MatrixError('M_INVALID_PARAM', `${authorisingUser} is no user of this server, which cannot sign.`);
        }
        await this.#parts.newcomers.authorisingUser(turn, pdu.sender);
        sign = (json) => signEvent(json, version, serverName, signingKey);
      }
      return { events: [] };
    });
    return sign;
  }

  async #verify(json: JsonObject, version: RoomVersion): Promise<ReceivedEvent> {
    const { keys, clock } = this.#parts;
    const [verified] = await verifyReceived([json], { version, keys, receivedTs: clock.nowMs() });
    if (verified === undefined) throw new Error('An event was verified and nothing came of it');
    if (!verified.allowed) throw new MatrixError('M_FORBIDDEN', verified.reason);
    return verified.event;
  }

  async #receive(roomId: string, event: ReceivedEvent): Promise<RoomEvent> {
    const { eventId } = event.pdu;
    const [reception] = await this.#parts.receiver.receive(roomId, [event], { isToBeSent: true });
    if (reception?.outcome === 'soft-failed' || reception?.outcome === 'rejected') {
      throw new MatrixError('M_FORBIDDEN', reception.reason);
    }
    if (reception?.outcome === 'missing') {
      throw new MatrixError(
        'M_INVALID_PARAM',
        'The event names others that are not known here. Ask for a new template.',
      );
    }
    const taken = (await this.#parts.events.byIds([eventId])).get(eventId);
    // Where servers choose event IDs, another event may have had this one before.
    const isSame = taken?.pdu.type === 'm.room.member' && taken.pdu.stateKey === event.pdu.stateKey;
    if (!isSame || taken.stateBefore === undefined || taken.isRejected || taken.isSoftFailed) {
      throw new MatrixError('M_FORBIDDEN', 'The room does not have this event.');
    }
    return taken;
  }
}

/** The event, if it is what was announced. Signatures come later. */
function readPdu({ json, roomId, eventId, serverName, membership }: HandedOver, version: RoomVersion): Pdu {
  const parsed = parsePdu(json, version);
  if (!parsed.allowed) throw new MatrixError('M_BAD_JSON', parsed.reason);
  const { pdu } = parsed;
  if (pdu.roomId !== roomId) throw unlike('is of another room than the path');
  if (pdu.eventId !== eventId) throw unlike(`is ${pdu.eventId}, not the one of the path`);
  if (pdu.type !== 'm.room.member') throw unlike('is no m.room.member');
  if (contentOf(pdu, 'membership') !== membership) throw unlike(`has not the membership ${membership}`);
  if (pdu.stateKey !== pdu.sender) throw unlike('has another state_key than its sender');
  if (serverNameOf(pdu.sender) !== serverName) {
    throw new MatrixError('M_FORBIDDEN', `${pdu.sender} is no user of ${serverName}: nobody speaks for others' users.`);
  }
  // From transactions an event with a wrong hash is taken redacted; who hands one over himself can do it right.
  if (!hasValidContentHash(pdu.json)) throw new MatrixError('M_BAD_JSON', 'The content hash of the event is wrong.');
  return pdu;
}

function unlike(fault: string): MatrixError {
  return new MatrixError('M_INVALID_PARAM', `The event ${fault}.`);
}
