import { serverNameOf } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { stateEvent } from '@limpet/protocol/pdu';
import type { Log } from '../../platform/log.ts';
import { updateForgotten } from '../../storage/queries/memberships.ts';
import type { MemberProfile } from '../accounts/profiles.ts';
import type { NewEvent } from './event-maker.ts';
import type { EventStore } from './event-store.ts';
import { joinedRooms } from './joined-rooms.ts';
import { membershipIn } from './loaded-room.ts';
import type { MembershipReader } from './membership-reader.ts';
import type { RestrictedJoins } from './restricted-joins.ts';
import type { Decide, Decision, RoomInTurn } from './room-actor.ts';
import type { RoomEvent } from './room-event.ts';
import type { RoomWriter } from './room-writer.ts';
import { hideUnknownRoom } from './unknown-room.ts';

/** Rooms that get a new profile at the same time. */
const PROFILE_ROOMS_AT_ONCE = 20;

/** What goes into the member events of a local user. */
export type ProfileOf = (userId: string) => Promise<MemberProfile>;

export interface MembershipChangesParts {
  readonly writer: RoomWriter;
  readonly events: EventStore;
  readonly memberships: MembershipReader;
  readonly restrictedJoins: RestrictedJoins;
  readonly profileOf: ProfileOf;
  readonly serverName: string;
  readonly log: Log;
}

/** A user does something to their own membership. */
export interface OwnMembershipRequest {
  readonly roomId: string;
  readonly userId: string;
  readonly reason?: string | undefined;
}

/** A user does something to somebody else's. */
export interface MembershipRequest {
  readonly roomId: string;
  readonly sender: string;
  readonly target: string;
  readonly reason?: string | undefined;
}

const NOTHING: Decision = { events: [] };

/** Joins, invites and what undoes them. Specification: client-server API, "Room membership". */
export class MembershipChanges {
  readonly #parts: MembershipChangesParts;

  constructor(parts: MembershipChangesParts) {
    this.#parts = parts;
  }

  /** Joining again changes nothing. Throws M_NOT_FOUND where the room is unknown, M_FORBIDDEN where it is closed. */
  async join({ roomId, userId, reason }: OwnMembershipRequest): Promise<void> {
    const profile = await this.#parts.profileOf(userId);
    await this.#parts.writer.change(roomId, async (turn) => {
      await turn.loadMembers(userId);
      if (membershipIn(turn.room, userId) === 'join') return NOTHING;
      const content = { ...memberContent('join', { profile, reason }), ...(await this.#authorisation(turn, userId)) };
      return { events: [memberEvent(userId, userId, content)] };
    });
  }

  /**
   * Knocking again changes nothing. Throws M_NOT_FOUND where the room is unknown, M_FORBIDDEN where nobody may knock.
   */
  async knock({ roomId, userId, reason }: OwnMembershipRequest): Promise<void> {
    const profile = await this.#parts.profileOf(userId);
    await this.#parts.writer.change(roomId, async ({ room, loadMembers }) => {
      await loadMembers(userId);
      if (membershipIn(room, userId) === 'knock') return NOTHING;
      return { events: [memberEvent(userId, userId, memberContent('knock', { profile, reason }))] };
    });
  }

  /** Inviting who is invited already changes nothing. */
  async invite({ roomId, sender, target, reason }: MembershipRequest): Promise<void> {
    const profile = await this.#inviteeProfile(target);
    const content = memberContent('invite', { profile, reason });
    await this.#change(roomId, sender, async ({ room, loadMembers }) => {
      await loadMembers(sender, target);
      const isRepeated = membershipIn(room, sender) === 'join' && membershipIn(room, target) === 'invite';
      return isRepeated ? NOTHING : { events: [memberEvent(sender, target, content)] };
    });
  }

  /** Leaves, or declines an invite, or takes back a knock. Leaving again changes nothing. */
  async leave({ roomId, userId, reason }: OwnMembershipRequest): Promise<void> {
    await this.#parts.writer.change(roomId, async ({ room, loadMembers }) => {
      await loadMembers(userId);
      const membership = membershipIn(room, userId);
      if (membership === 'leave') return NOTHING;
      if (membership === undefined) throw new MatrixError('M_FORBIDDEN', `${userId} was never in the room.`);
      return { events: [memberEvent(userId, userId, memberContent('leave', { reason }))] };
    });
  }

  /** Throws M_FORBIDDEN where the target is not there to be kicked. */
  async kick({ roomId, sender, target, reason }: MembershipRequest): Promise<void> {
    await this.#change(roomId, sender, async ({ room, loadMembers }) => {
      await loadMembers(sender, target);
      const membership = membershipIn(room, target);
      if (membership === undefined || !isPresent(membership)) {
        throw new MatrixError('M_FORBIDDEN', `${target} is not in the room, nor invited to it.`);
      }
      return { events: [memberEvent(sender, target, memberContent('leave', { reason }))] };
    });
  }

  /** Banning again without a reason changes nothing. */
  async ban({ roomId, sender, target, reason }: MembershipRequest): Promise<void> {
    await this.#change(roomId, sender, async ({ room, loadMembers }) => {
      await loadMembers(sender, target);
      const isBanned = membershipIn(room, target) === 'ban' && membershipIn(room, sender) === 'join';
      if (isBanned && reason === undefined) return NOTHING;
      return { events: [memberEvent(sender, target, memberContent('ban', { reason }))] };
    });
  }

  /** Throws M_FORBIDDEN where the target is not banned. */
  async unban({ roomId, sender, target, reason }: MembershipRequest): Promise<void> {
    await this.#change(roomId, sender, async ({ room, loadMembers }) => {
      await loadMembers(sender, target);
      if (membershipIn(room, target) !== 'ban') {
        throw new MatrixError('M_FORBIDDEN', `${target} is not banned from the room.`);
      }
      return { events: [memberEvent(sender, target, memberContent('leave', { reason }))] };
    });
  }

  /** Throws M_UNKNOWN while the user is in the room, or invited, or was never there. */
  async forget({ roomId, userId }: OwnMembershipRequest): Promise<void> {
    await this.#parts.writer.change(roomId, async ({ room, loadMembers }) => {
      await loadMembers(userId);
      const membership = membershipIn(room, userId);
      if (membership !== 'leave' && membership !== 'ban') {
        const text = membership === undefined ? 'was never in the room' : 'has to leave the room first';
        throw new MatrixError('M_UNKNOWN', `${userId} ${text}.`);
      }
      return {
        events: [],
        alongside: (transaction) => {
          transaction.run(updateForgotten, { roomNid: room.roomNid, userId });
          transaction.publish({ kind: 'membership', roomId, userId, membership, previous: membership });
        },
      };
    });
  }

  /** A membership that a client set as a state event; the content is the client's. The event ID. */
  async setByState(request: {
    roomId: string;
    sender: string;
    target: string;
    content: JsonObject;
    extraTopLevel: JsonObject | undefined;
  }): Promise<string> {
    const { roomId, sender, target, extraTopLevel } = request;
    const { membership } = request.content;
    const profile =
      membership === 'invite'
        ? await this.#inviteeProfile(target)
        : membership === 'join' && sender === target
          ? await this.#parts.profileOf(sender)
          : undefined;
    const content = { ...profileContent(profile), ...request.content };
    const [written] = await this.#change(roomId, sender, async (turn) => {
      const authorisation = membership === 'join' ? await this.#authorisation(turn, target) : {};
      const event = memberEvent(sender, target, { ...content, ...authorisation });
      return { events: [{ ...event, extraTopLevel }] };
    });
    if (written === undefined) throw new Error('A room took an event and gave none back');
    return written.pdu.eventId;
  }

  /** Brings a new name or avatar to all the rooms that the user is joined to. A room that refuses keeps the old one. */
  async updateMemberProfile(userId: string, profile: MemberProfile): Promise<void> {
    const rooms = await joinedRooms(this.#parts, userId);
    for (let start = 0; start < rooms.length; start += PROFILE_ROOMS_AT_ONCE) {
      const some = rooms.slice(start, start + PROFILE_ROOMS_AT_ONCE);
      await Promise.all(some.map(({ roomId }) => this.#updateProfileIn(roomId, userId, profile)));
    }
  }

  /** Leaves every room, and declines every invite, of an account that ended. */
  async leaveAll(userId: string): Promise<void> {
    const records = (await this.#parts.memberships.ofUser(userId)).filter(({ membership }) => isPresent(membership));
    const rooms = [...(await this.#parts.events.rooms(records.map((record) => record.roomNid))).values()];
    for (const { roomId } of rooms) await this.leave({ roomId, userId });
  }

  async #updateProfileIn(roomId: string, userId: string, profile: MemberProfile): Promise<void> {
    const changed = this.#parts.writer.change(roomId, async ({ room, loadMembers }) => {
      await loadMembers(userId);
      if (membershipIn(room, userId) !== 'join') return NOTHING;
      const before = stateEvent(room.state, 'm.room.member', userId)?.content ?? {};
      // What was said about the first join says nothing about this.
      const { reason: _reason, join_authorised_via_users_server: _user, third_party_invite: _invite, ...kept } = before;
      const { displayname: _name, avatar_url: _avatar, ...rest } = kept;
      const content = { ...rest, ...profileContent(profile) };
      const isSame = before.displayname === content.displayname && before.avatar_url === content.avatar_url;
      return isSame ? NOTHING : { events: [memberEvent(userId, userId, content)] };
    });
    try {
      await changed;
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error;
      this.#parts.log.warn('A room did not take a new profile', { roomId, userId, error });
    }
  }

  #change(roomId: string, sender: string, decide: Decide): Promise<readonly RoomEvent[]> {
    return hideUnknownRoom(this.#parts.writer.change(roomId, decide), sender);
  }

  async #authorisation(turn: RoomInTurn, userId: string): Promise<JsonObject> {
    await turn.loadMembers(userId);
    const authorisingUser = await this.#parts.restrictedJoins.authorisingUser(turn, userId);
    return authorisingUser === undefined ? {} : { join_authorised_via_users_server: authorisingUser };
  }

  async #inviteeProfile(target: string): Promise<MemberProfile> {
    if (serverNameOf(target) === this.#parts.serverName) return this.#parts.profileOf(target);
    const text = `${target} is a user of another server, which this one cannot invite yet.`;
    throw new MatrixError('M_FORBIDDEN', text);
  }
}

/** In the room, or on the way into it. */
function isPresent(membership: string): boolean {
  return membership === 'join' || membership === 'invite' || membership === 'knock';
}

/** The content of a member event. A profile stands in it for joins and invites. */
export function memberContent(
  membership: string,
  { profile, reason }: { profile?: MemberProfile | undefined; reason?: string | undefined },
): JsonObject {
  return { membership, ...profileContent(profile), ...(reason === undefined ? {} : { reason }) };
}

export function memberEvent(sender: string, target: string, content: JsonObject): NewEvent {
  return { sender, type: 'm.room.member', stateKey: target, content };
}

function profileContent(profile: MemberProfile | undefined): JsonObject {
  const content: JsonObject = {};
  if (profile?.displayName !== undefined) content.displayname = profile.displayName;
  if (profile?.avatarUrl !== undefined) content.avatar_url = profile.avatarUrl;
  return content;
}
