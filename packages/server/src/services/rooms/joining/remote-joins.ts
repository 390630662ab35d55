import type { JsonObject } from '@limpet/protocol/json';
import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../../platform/platform.ts';
import { RemoteServerError, type RemoteServers } from '../../remote-servers/remote-servers.ts';
import type { EventStore } from '../event-store.ts';
import type { JoiningRooms } from '../joining-rooms.ts';
import type { RoomEntry, RoomReceiver } from '../room-receiver.ts';
import { askServers } from './ask-servers.ts';
import { askForTemplate, submit } from './handshake.ts';
import { readJoinAnswer } from './join-answer.ts';
import type { MemberEventSigner } from './member-event-signer.ts';
import type { RoomCandidates } from './room-candidates.ts';

/** Rooms that are being joined at once: each may hold the state of a large room in memory. */
const MAX_JOINS = 20;
/** A large room takes its resident server a while. */
const SEND_JOIN_TIMEOUT_MS = 120_000;
/** State and auth chain of a room with a hundred thousand members. */
const MAX_JOIN_ANSWER_BYTES = 150 * 1024 * 1024;

export interface RemoteJoinsParts {
  readonly remote: RemoteServers;
  readonly receiver: RoomReceiver;
  readonly events: EventStore;
  readonly candidates: RoomCandidates;
  readonly signer: MemberEventSigner;
  readonly joining: JoiningRooms;
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'log'>;
}

export interface RemoteJoinRequest {
  readonly roomId: string;
  readonly userId: string;
  /** Of the member event. */
  readonly content: JsonObject;
  /** Servers that are said to be in the room. */
  readonly servers: readonly string[];
  /** Others of this server are in the room, and may not let this user in. */
  readonly isPresent: boolean;
}

/**
 * Joins of our users to rooms over other servers that are in them. Specification: server-server API, "Joining Rooms".
 *
 * The whole state is asked for (`omit_members` is left out): nothing here could depend on state that is not there yet.
 */
export class RemoteJoins {
  readonly #parts: RemoteJoinsParts;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(parts: RemoteJoinsParts) {
    this.#parts = parts;
  }

  /**
   * True when the user is in the room; false when somebody else's join ended meanwhile, so that the room may be here:
   * the first who joins brings it. Throws what the most telling of the servers said.
   */
  async join(request: RemoteJoinRequest): Promise<boolean> {
    const { roomId } = request;
    const other = this.#underWay.get(roomId);
    if (other !== undefined) {
      // How it ended is for who began it.
      await other.catch(() => {});
      return false;
    }
    if (this.#underWay.size >= MAX_JOINS) throw limitExceeded('Many rooms are being joined just now. Try again.');
    const join = this.#join(request);
    this.#underWay.set(roomId, join);
    try {
      await join;
      return true;
    } finally {
      this.#underWay.delete(roomId);
    }
  }

  async #join(request: RemoteJoinRequest): Promise<void> {
    const { candidates, joining } = this.#parts;
    const { roomId, userId } = request;
    const { clock, log } = this.#parts.platform;
    const servers = await candidates.of(roomId, userId, request.servers);
    joining.begin(roomId);
    try {
      const entry = await askServers(servers, (serverName) => this.#joinOver(serverName, request), {
        clock,
        log,
        purpose: 'join',
        roomId,
      });
      await (request.isPresent ? this.#add(entry) : this.#parts.receiver.enter(entry));
    } finally {
      joining.end(roomId);
    }
  }

  /** The join goes into a room that this server is in. The other servers get it from the one that let the user in. */
  async #add({ roomId, event, state, authChain }: RoomEntry): Promise<void> {
    const { events, receiver } = this.#parts;
    let [reception] = await receiver.receive(roomId, [event]);
    if (reception?.outcome === 'missing') {
      // The resident server has seen what has not come here yet.
      const room = await events.room(roomId);
      if (room === undefined) throw new Error(`A room that users of this server are in has no record: ${roomId}`);
      await receiver.keepOutliers(room, [...authChain, ...state]);
      const stateBefore = state.map(({ pdu }) => pdu.eventId);
      [reception] = await receiver.receive(roomId, [event], { stateBefore });
    }
    if (reception?.outcome === 'soft-failed' || reception?.outcome === 'rejected') {
      throw new MatrixError('M_FORBIDDEN', reception.reason);
    }
    if (reception?.outcome === 'missing') throw new Error('A join rests on more than the state and what authorizes it');
  }

  async #joinOver(serverName: string, request: RemoteJoinRequest): Promise<RoomEntry> {
    const { remote, signer, platform } = this.#parts;
    const { roomId, userId } = request;
    const template = await askForTemplate(remote, serverName, { roomId, userId, membership: 'join' });
    const { version, authorisingUser } = template;
    const authorisation = authorisingUser === undefined ? {} : { join_authorised_via_users_server: authorisingUser };
    const event = signer.sign(request, { ...request.content, ...authorisation }, template);
    const answer = await submit(remote, serverName, {
      endpoint: 'send_join',
      roomId,
      event,
      timeoutMs: SEND_JOIN_TIMEOUT_MS,
      maxBytes: MAX_JOIN_ANSWER_BYTES,
    });
    const read = await readJoinAnswer(answer, { serverName, roomId, version, event }, { remote, platform });
    if (!read.allowed) throw new RemoteServerError(serverName, 'bad-answer', read.reason);
    return read.entry;
  }
}
