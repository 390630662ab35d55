import type { BuiltEvent } from '@limpet/protocol/build-event';
import { serverNameOf } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../../platform/platform.ts';
import type { RemoteServers } from '../../remote-servers/remote-servers.ts';
import type { RoomEvent } from '../room-event.ts';
import type { RoomReceiver } from '../room-receiver.ts';
import { askServers } from './ask-servers.ts';
import { arrayIn } from './fetch-events.ts';
import { askForTemplate, submit } from './handshake.ts';
import type { MemberEventSigner } from './member-event-signer.ts';
import type { MemberAsked, MemberTemplate } from './member-template.ts';
import type { RoomCandidates } from './room-candidates.ts';

/** Who declines an invite is not to wait long for servers that may be gone. */
const SUBMIT_TIMEOUT_MS = 20_000;
const MAX_SERVERS_TOLD_OF_LEAVE = 3;
/** Events of stripped state that are kept of a knock, and bytes of each. */
const MAX_STRIPPED_EVENTS = 100;
const MAX_STRIPPED_BYTES = 65_536;

export interface RemoteMembershipsParts {
  readonly remote: RemoteServers;
  readonly receiver: RoomReceiver;
  readonly candidates: RoomCandidates;
  readonly signer: MemberEventSigner;
  readonly platform: Pick<Platform, 'clock' | 'log'>;
}

export interface RemoteMembershipRequest {
  readonly roomId: string;
  readonly userId: string;
  /** Of the member event. */
  readonly content: JsonObject;
}

interface Handed {
  readonly event: BuiltEvent;
  readonly template: MemberTemplate;
  readonly answer: JsonObject;
}

/** Knocks on rooms, and the end of knocks and invites, where nobody of this server is in the room. */
export class RemoteMemberships {
  readonly #parts: RemoteMembershipsParts;

  constructor(parts: RemoteMembershipsParts) {
    this.#parts = parts;
  }

  /** Specification: server-server API, "Knocking upon a room". Throws what the most telling of the servers said. */
  async knock(request: RemoteMembershipRequest, servers: readonly string[]): Promise<void> {
    const handed = await this.#handOver(request, 'knock', servers);
    const strippedState = arrayIn(handed.answer, 'knock_room_state')
      .slice(0, MAX_STRIPPED_EVENTS)
      .map((event) => JSON.stringify(event))
      .filter((text) => text.length <= MAX_STRIPPED_BYTES);
    await this.#note(request.roomId, handed, strippedState);
  }

  /**
   * Declines an invite, or takes back a knock. Where no server takes it the user is rid of it all the same.
   * Specification: server-server API, "Leaving Rooms (Rejecting Invites)".
   */
  async leave(request: RemoteMembershipRequest, present: RoomEvent): Promise<void> {
    const { roomId } = request;
    const inviter = serverNameOf(present.pdu.sender);
    const handed = await this.#leaveWithin(request, inviter === undefined ? [] : [inviter]);
    if (handed !== undefined) return this.#note(roomId, handed, []);
    const template = templateAfter(present);
    const event = this.#parts.signer.sign(request, request.content, template);
    await this.#note(roomId, { event, template }, []);
  }

  async #leaveWithin(request: RemoteMembershipRequest, servers: readonly string[]): Promise<Handed | undefined> {
    try {
      return await this.#handOver(request, 'leave', servers);
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error;
      const { roomId, userId } = request;
      const text = 'No server took the end of an invite or a knock; here it is ended';
      this.#parts.platform.log.warn(text, { roomId, userId, error });
      return undefined;
    }
  }

  async #handOver(
    request: RemoteMembershipRequest,
    membership: 'leave' | 'knock',
    named: readonly string[],
  ): Promise<Handed> {
    const { candidates, remote, signer, platform } = this.#parts;
    const { roomId, userId, content } = request;
    const asked: MemberAsked = { roomId, userId, membership };
    const endpoint = membership === 'leave' ? 'send_leave' : 'send_knock';
    const hand = async (serverName: string): Promise<Handed> => {
      const template = await askForTemplate(remote, serverName, asked);
      const event = signer.sign(request, content, template);
      const timeoutMs = SUBMIT_TIMEOUT_MS;
      return { event, template, answer: await submit(remote, serverName, { endpoint, roomId, event, timeoutMs }) };
    };
    const servers = await candidates.of(roomId, userId, named);
    const limit = membership === 'leave' ? { maxServers: MAX_SERVERS_TOLD_OF_LEAVE } : {};
    return askServers(servers, hand, { ...platform, purpose: membership, roomId, ...limit });
  }

  #note(
    roomId: string,
    { event, template }: Pick<Handed, 'event' | 'template'>,
    strippedState: readonly string[],
  ): Promise<void> {
    const receivedTs = this.#parts.platform.clock.nowMs();
    const { version } = template;
    return this.#parts.receiver.noteRemoteMembership({
      roomId,
      version,
      event: { ...event, receivedTs },
      strippedState,
    });
  }
}

/** Where an event goes that no other server will ever see: behind the one that it ends. */
function templateAfter({ pdu, room }: RoomEvent): MemberTemplate {
  return {
    version: room.version,
    prevEvents: [pdu.eventId],
    authEvents: [pdu.eventId],
    referenceHashes: new Map([[pdu.eventId, '']]),
    depth: Math.min(Number.MAX_SAFE_INTEGER, pdu.depth + 1),
    authorisingUser: undefined,
  };
}
