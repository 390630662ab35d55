import { hasValidContentHash } from '@limpet/protocol/content-hash';
import { asUserId, serverNameOf } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { parsePdu } from '@limpet/protocol/parse-pdu';
import { contentOf, type Pdu } from '@limpet/protocol/pdu';
import { findRoomVersion, type RoomVersion } from '@limpet/protocol/room-version';
import { type SigningKey, signEvent } from '@limpet/protocol/signing';
import type { Clock } from '../../../platform/clock.ts';
import type { AccountDataReader } from '../../accounts/account-data-reader.ts';
import type { Users } from '../../accounts/users.ts';
import type { ServerKeys } from '../../remote-servers/remote-servers.ts';
import type { EventStore } from '../../rooms/event-store.ts';
import { inviteBlocked } from '../../rooms/invite-blocked.ts';
import type { ReceivedEvent } from '../../rooms/received-event.ts';
import type { RoomRecord } from '../../rooms/room-event.ts';
import type { RoomReceiver } from '../../rooms/room-receiver.ts';
import type { RoomSummaries } from '../../rooms/room-summaries.ts';
import { verifyReceived } from '../../rooms/verify-received.ts';
import { readInviteState } from './read-invite-state.ts';
import type { RoomGate } from './room-gate.ts';

interface ReceivedInvitesParts {
  readonly serverName: string;
  readonly signingKey: SigningKey;
  readonly clock: Clock;
  readonly keys: ServerKeys;
  readonly users: Users;
  readonly accountData: AccountDataReader;
  readonly events: EventStore;
  readonly summaries: RoomSummaries;
  readonly gate: RoomGate;
  readonly receiver: RoomReceiver;
}

export interface ReceivedInvite {
  /** The server that brings it. */
  readonly serverName: string;
  readonly roomId: string;
  /** As the path names it. */
  readonly eventId: string;
  readonly versionId: string;
  readonly json: JsonObject;
  /** What the inviting server tells of the room. */
  readonly roomState: readonly JsonObject[];
}

/** Invites of our users by other servers. Specification: server-server API, "Inviting to a room". */
export class ReceivedInvites {
  readonly #parts: ReceivedInvitesParts;

  constructor(parts: ReceivedInvitesParts) {
    this.#parts = parts;
  }

  /**
   * Takes note of the invite and gives it back with our signature, all else untouched. Whom the user ignores is his
   * clients' business: what they show is not decided here.
   *
   * Throws M_INCOMPATIBLE_ROOM_VERSION, M_BAD_JSON for what is no event, M_INVALID_PARAM for one that is no such
   * invite, M_MISSING_PARAM for a create event of another room, M_FORBIDDEN where there is no such user, a signature is
   * wrong or the room refuses it, M_INVITE_BLOCKED where the user takes none.
   */
  async take(invite: ReceivedInvite): Promise<JsonObject> {
    const claimed = findRoomVersion(invite.versionId);
    if (claimed === undefined) throw incompatible(invite.versionId);
    const room = await this.#residentRoom(invite);
    const version = checkVersion(invite.roomId, claimed, room);
    const pdu = readPdu(invite, version);
    checkSender(pdu, invite.serverName, room);
    await this.#checkInvitee(pdu.stateKey);
    const strippedState = readInviteState(invite.roomState, invite.roomId, version);
    const { serverName, signingKey } = this.#parts;
    const signed = signEvent(invite.json, version, serverName, signingKey);
    const event = await this.#verify(signed, version);
    if (room !== undefined) await this.#receive(event);
    else {
      const { roomId } = invite;
      await this.#parts.receiver.noteRemoteMembership({ roomId, version, event, strippedState });
    }
    return signed;
  }

  async #checkInvitee(target: string | undefined): Promise<void> {
    const { users, serverName } = this.#parts;
    const userId = asUserId(target);
    if (userId === undefined || serverNameOf(userId) !== serverName) throw unlike('invites no user of this server');
    const user = await users.find(userId);
    if (user === undefined || user.isDeactivated) {
      throw new MatrixError('M_FORBIDDEN', `There is no user ${userId} who could be invited.`);
    }
    if (await this.#parts.accountData.blocksInvites(userId)) throw inviteBlocked(userId);
  }

  /** The room, if somebody of ours is in it: then it has its say. */
  async #residentRoom({ roomId, serverName }: ReceivedInvite): Promise<RoomRecord | undefined> {
    const { events, gate, summaries } = this.#parts;
    const room = await events.room(roomId);
    if (room === undefined) return undefined;
    await gate.checkAcl(room, serverName);
    return (await summaries.isResident(room)) ? room : undefined;
  }

  async #verify(json: JsonObject, version: RoomVersion): Promise<ReceivedEvent> {
    const { keys, clock } = this.#parts;
    const [verified] = await verifyReceived([json], { version, keys, receivedTs: clock.nowMs() });
    if (verified === undefined) throw new Error('An invite was verified and nothing came of it');
    if (!verified.allowed) throw new MatrixError('M_FORBIDDEN', verified.reason);
    return verified.event;
  }

  /** What is missing comes with the transaction that brings the invite to all servers in the room. */
  async #receive(event: ReceivedEvent): Promise<void> {
    const [reception] = await this.#parts.receiver.receive(event.pdu.roomId, [event]);
    if (reception?.outcome === 'soft-failed' || reception?.outcome === 'rejected') {
      throw new MatrixError('M_FORBIDDEN', reception.reason);
    }
  }
}

/**
 * The version to read the event by. An event means something else in another version, so the one that is claimed has to
 * fit the room ID, and be the room's where we are in it. The first two have one format, and an invite need not say
 * which of them it is of.
 */
function checkVersion(roomId: string, claimed: RoomVersion, room: RoomRecord | undefined): RoomVersion {
  if (claimed.roomIdIsCreateHash !== (serverNameOf(roomId) === undefined)) {
    throw new MatrixError('M_INVALID_PARAM', `No room of version ${claimed.id} has such an ID.`);
  }
  if (room === undefined || room.version.id === claimed.id) return claimed;
  if (!room.version.eventIdIsHash && !claimed.eventIdIsHash) return room.version;
  throw new MatrixError('M_INVALID_PARAM', `The room has version ${room.version.id}, not ${claimed.id}.`);
}

function readPdu({ json, roomId, eventId }: ReceivedInvite, version: RoomVersion): Pdu {
  const parsed = parsePdu(json, version);
  if (!parsed.allowed) throw new MatrixError('M_BAD_JSON', parsed.reason);
  const { pdu } = parsed;
  if (pdu.roomId !== roomId) throw unlike('is of another room than the path');
  if (pdu.eventId !== eventId) throw unlike(`is ${pdu.eventId}, not the one of the path`);
  if (pdu.type !== 'm.room.member' || contentOf(pdu, 'membership') !== 'invite') throw unlike('is no invite');
  if (!hasValidContentHash(pdu.json)) throw new MatrixError('M_BAD_JSON', 'The content hash of the event is wrong.');
  return pdu;
}

/**
 * Who completes an invite by e-mail address need not be of the server of who made it, whose signature then is not asked
 * for either. That the address was ever invited, the room alone can tell: where nobody of ours is in it, anybody could
 * invite in anybody's name.
 */
function checkSender(pdu: Pdu, serverName: string, room: RoomRecord | undefined): void {
  const isByThirdParty = isJsonObject(contentOf(pdu, 'third_party_invite'));
  if (serverNameOf(pdu.sender) === serverName || (isByThirdParty && room !== undefined)) return;
  throw new MatrixError('M_FORBIDDEN', `${pdu.sender} is no user of ${serverName}: nobody invites for others.`);
}

function incompatible(versionId: string): MatrixError {
  return new MatrixError('M_INCOMPATIBLE_ROOM_VERSION', 'This server does not know the version of the room.', {
    extra: { room_version: versionId },
  });
}

function unlike(fault: string): MatrixError {
  return new MatrixError('M_INVALID_PARAM', `The event ${fault}.`);
}
