import { selectAuthEvents } from '@limpet/protocol/authorization/auth-event-selection';
import { authorizeEvent } from '@limpet/protocol/authorization/authorize-event';
import { referenceHash } from '@limpet/protocol/event-id';
import { serverNameOf } from '@limpet/protocol/identifiers';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { MAX_PREV_EVENTS } from '@limpet/protocol/parse-pdu';
import type { Pdu } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import type { Clock } from '../../../platform/clock.ts';
import type { LoadedRoom } from '../../rooms/loaded-room.ts';
import type { RoomInTurn } from '../../rooms/room-actor.ts';
import type { RoomWriter } from '../../rooms/room-writer.ts';
import type { Newcomers } from './newcomers.ts';
import type { RoomGate } from './room-gate.ts';

/** What a user of another server may ask to become. */
export type AskedMembership = 'join' | 'leave' | 'knock';

interface MembershipTemplatesParts {
  readonly serverName: string;
  readonly clock: Clock;
  readonly gate: RoomGate;
  readonly writer: RoomWriter;
  readonly newcomers: Newcomers;
}

export interface TemplateRequest {
  /** The server that asks. */
  readonly serverName: string;
  readonly roomId: string;
  readonly userId: string;
  readonly membership: AskedMembership;
  /** The room versions that it knows; `undefined` where it has to know all. */
  readonly versions: readonly string[] | undefined;
}

/**
 * Makes the events by which users of other servers join, leave or knock, for their servers to complete and sign. The
 * rules are asked right here, so that nobody signs what would be refused.
 * Specification: server-server API, `make_join`, `make_leave`, `make_knock`.
 */
export class MembershipTemplates {
  readonly #parts: MembershipTemplatesParts;

  constructor(parts: MembershipTemplatesParts) {
    this.#parts = parts;
  }

  /**
   * The version of the room, and the event without hashes and signatures. Throws M_FORBIDDEN where the rules or the
   * room's ACL refuse it, or the user is of another server; M_INCOMPATIBLE_ROOM_VERSION; M_NOT_FOUND for a room where
   * nobody of ours is; for restricted rooms what `newcomers.ts` throws.
   */
  async make(request: TemplateRequest): Promise<JsonObject> {
    const { serverName, roomId, userId, versions } = request;
    if (serverNameOf(userId) !== serverName) {
      throw new MatrixError('M_FORBIDDEN', `${userId} is no user of ${serverName}: nobody asks for others' users.`);
    }
    const { version } = await this.#parts.gate.approach(roomId, serverName);
    if (versions?.includes(version.id) === false) throw incompatible(version);
    let event: JsonObject = {};
    await this.#parts.writer.change(roomId, async (turn) => {
      event = await this.#template(turn, request);
      return { events: [] };
    });
    return { room_version: version.id, event };
  }

  async #template(turn: RoomInTurn, { userId, membership }: TemplateRequest): Promise<JsonObject> {
    const { room, loadMembers } = turn;
    checkResident(room);
    await loadMembers(userId);
    const content: JsonObject = { membership };
    if (membership === 'join') {
      const authorisingUser = await this.#parts.newcomers.authorisingUser(turn, userId);
      if (authorisingUser !== undefined) content.join_authorised_via_users_server = authorisingUser;
    }
    const { version } = room.record;
    const named = { type: 'm.room.member', sender: userId, stateKey: userId, content };
    const authEvents = selectAuthEvents(named, room.state, version);
    const previous = deepest(room);
    const depth = Math.min(Number.MAX_SAFE_INTEGER, (previous[0]?.depth ?? 0) + 1);
    const json: JsonObject = {
      room_id: room.roomId,
      type: 'm.room.member',
      sender: userId,
      state_key: userId,
      content,
      origin: this.#parts.serverName,
      origin_server_ts: this.#parts.clock.nowMs(),
      depth,
      prev_events: referencesTo(previous, version),
      auth_events: referencesTo(authEvents, version),
    };
    const pdu: Pdu = {
      ...named,
      eventId: '',
      roomId: room.roomId,
      originServerTs: this.#parts.clock.nowMs(),
      depth,
      prevEvents: previous.map(({ eventId }) => eventId),
      authEvents: authEvents.map(({ eventId }) => eventId),
      redacts: undefined,
      json,
    };
    // We shall sign it where that is needed.
    const verdict = authorizeEvent(pdu, room.state, version, { isSignedBy: () => true });
    if (!verdict.allowed) throw new MatrixError('M_FORBIDDEN', verdict.reason);
    return json;
  }
}

/** Where nobody of this server is in a room, it knows only what the room once was. */
export function checkResident(room: LoadedRoom): void {
  if (room.localJoined.size > 0) return;
  throw new MatrixError('M_NOT_FOUND', `Nobody of this server is in the room ${room.roomId}. Ask another server.`);
}

/** M_INCOMPATIBLE_ROOM_VERSION, with the version. */
function incompatible(version: RoomVersion): MatrixError {
  return new MatrixError('M_INCOMPATIBLE_ROOM_VERSION', `The room has version ${version.id}, which is not in "ver".`, {
    extra: { room_version: version.id },
  });
}

/** Where the graph ends, the deepest first; where it ends in more places than an event may name, those. */
function deepest({ extremities }: LoadedRoom): Pdu[] {
  const ends = extremities.map(({ pdu }) => pdu).sort((left, right) => right.depth - left.depth);
  return ends.slice(0, MAX_PREV_EVENTS);
}

function referencesTo(events: readonly Pdu[], version: RoomVersion): JsonValue[] {
  if (version.eventIdIsHash) return events.map(({ eventId }) => eventId);
  return events.map(({ eventId, json }) => [eventId, { sha256: referenceHash(json, version) }]);
}
