import { serverNameOf } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import { stateEvent } from '@limpet/protocol/pdu';
import type { Log } from '../../platform/log.ts';
import { updateForgotten } from '../../storage/queries/memberships.ts';
import type { Storage, WriteTransaction } from '../../storage/storage.ts';
import type { MemberProfile } from '../accounts/profiles.ts';
import type { NewEvent } from './event-maker.ts';
import type { EventStore } from './event-store.ts';
import { checkGuestAccess, noGuests } from './guest-access.ts';
import { inviteBlocked } from './invite-blocked.ts';
import { joinedRooms } from './joined-rooms.ts';
import type { InviteAttempt } from './joining/remote-invites.ts';
import type { RoomsElsewhere } from './joining/rooms-elsewhere.ts';
import { type LoadedRoom, membershipIn } from './loaded-room.ts';
import type { LocalAccounts } from './local-accounts.ts';
import type { MembershipReader, MembershipRecord } from './membership-reader.ts';
import { NoAuthorisingUser, type RestrictedJoins } from './restricted-joins.ts';
import type { Decide, Decision, RoomInTurn } from './room-actor.ts';
import type { RoomEvent } from './room-event.ts';
import type { RoomWriter } from './room-writer.ts';
import { ofFirst, type RecordTransaction } from './sent-transactions.ts';
import { hideUnknownRoom, UnknownRoom } from './unknown-room.ts';

/** Rooms that get a new profile at the same time. */
const PROFILE_ROOMS_AT_ONCE = 20;
/** Rooms that an account that ended leaves at the same time; of some other servers have to be told. */
const LEFT_AT_ONCE = 20;

/** How often a join is begun anew because another user's join of the same room ended meanwhile. */
const MAX_JOIN_ATTEMPTS = 5;

/** What of a user's profile goes into member events; of users of other servers, what can be had in a short time. */
export type ProfileOf = (userId: string) => Promise<MemberProfile>;

export interface MembershipChangesParts {
  readonly storage: Storage;
  readonly writer: RoomWriter;
  readonly events: EventStore;
  readonly memberships: MembershipReader;
  readonly restrictedJoins: RestrictedJoins;
  readonly elsewhere: RoomsElsewhere;
  readonly profileOf: ProfileOf;
  readonly accounts: LocalAccounts;
  readonly serverName: string;
  readonly log: Log;
}

/** A user does something to their own membership. */
export interface OwnMembershipRequest {
  readonly roomId: string;
  readonly userId: string;
  readonly reason?: string | undefined;
}

/** A user wants into a room that may be known to other servers alone. */
export interface EntryRequest extends OwnMembershipRequest {
  /** Servers that are said to be in it. */
  readonly servers?: readonly string[] | undefined;
}

/** A user does something to somebody else's. */
export interface MembershipRequest {
  readonly roomId: string;
  readonly sender: string;
  readonly target: string;
  readonly reason?: string | undefined;
}

/** Somebody is invited; `isDirect` where the room is to be a conversation of two. */
export interface InviteRequest extends MembershipRequest {
  readonly isDirect?: boolean;
}

const NOTHING: Decision = { events: [] };
/** Like NOTHING, where it is other servers that have to be asked. */
const ELSEWHERE: Decision = { events: [] };

/** Joins, invites and what undoes them. Specification: client-server API, "Room membership". */
export class MembershipChanges {
  readonly #parts: MembershipChangesParts;

  constructor(parts: MembershipChangesParts) {
    this.#parts = parts;
  }

  /**
   * Joining again changes nothing. Where nobody of this server is in the room, other servers are asked. Throws
   * M_NOT_FOUND where no server knows the room, M_FORBIDDEN where it is closed, M_USER_DEACTIVATED where the account
   * ended meanwhile: other servers take their time, and its rooms were left without this one.
   */
  async join(request: EntryRequest): Promise<void> {
    await this.#join(request);
    const { roomId, userId } = request;
    if (!(await this.#parts.accounts.hasEnded(userId))) return;
    await this.leave({ roomId, userId });
    throw new MatrixError('M_USER_DEACTIVATED', 'This account was deactivated.');
  }

  async #join({ roomId, userId, reason, servers = [] }: EntryRequest): Promise<void> {
    const content = memberContent('join', { profile: await this.#parts.profileOf(userId), reason });
    const isGuest = await this.#parts.accounts.isGuest(userId);
    for (let attempt = 1; attempt <= MAX_JOIN_ATTEMPTS; attempt++) {
      const need = await this.#joinHere({ roomId, userId, content, isGuest });
      if (need === undefined) return;
      if (isGuest) throw noGuests();
      const isPresent = need === 'their word';
      if (await this.#parts.elsewhere.joins.join({ roomId, userId, content, servers, isPresent })) return;
    }
    throw limitExceeded('Many users are joining this room just now. Try again.');
  }

  /**
   * Knocking again changes nothing. Throws M_NOT_FOUND where no server knows the room, M_FORBIDDEN where nobody may
   * knock.
   */
  async knock({ roomId, userId, reason, servers = [] }: EntryRequest): Promise<void> {
    const content = memberContent('knock', { profile: await this.#parts.profileOf(userId), reason });
    const isHere = await this.#changeHere(roomId, async ({ room, loadMembers }) => {
      await loadMembers(userId);
      if (membershipIn(room, userId) === 'knock') return NOTHING;
      return isElsewhere(room) ? ELSEWHERE : { events: [memberEvent(userId, userId, content)] };
    });
    if (isHere) return;
    if ((await this.#recordElsewhere(roomId, userId))?.membership === 'knock') return;
    await this.#parts.elsewhere.memberships.knock({ roomId, userId, content }, servers);
  }

  /**
   * Inviting who is invited already changes nothing. A user of another server is invited once that has signed the
   * event. Throws M_INVITE_BLOCKED for who takes no invites.
   */
  async invite({ roomId, sender, target, reason, isDirect = false }: InviteRequest): Promise<void> {
    await this.#checkTakesInvites(target);
    const profile = await this.#parts.profileOf(target);
    const content = { ...memberContent('invite', { profile, reason }), ...(isDirect ? { is_direct: true } : {}) };
    const event = memberEvent(sender, target, content);
    const isRepeated = ({ room }: RoomInTurn) =>
      membershipIn(room, sender) === 'join' && membershipIn(room, target) === 'invite';
    if (this.#isRemote(target)) {
      await this.#parts.elsewhere.invites.invite({ roomId, sender, target, event }, isRepeated);
      return;
    }
    await this.#change(roomId, sender, async (turn) => {
      await turn.loadMembers(sender, target);
      return isRepeated(turn) ? NOTHING : { events: [event] };
    });
  }

  /** Leaves, or declines an invite, or takes back a knock. Leaving again changes nothing. */
  async leave({ roomId, userId, reason }: OwnMembershipRequest): Promise<void> {
    const content = memberContent('leave', { reason });
    const isHere = await this.#changeHere(roomId, async ({ room, loadMembers }) => {
      await loadMembers(userId);
      const membership = membershipIn(room, userId);
      if (membership === 'leave') return NOTHING;
      if (membership === undefined) throw neverThere(userId);
      return isElsewhere(room) ? ELSEWHERE : { events: [memberEvent(userId, userId, content)] };
    });
    if (isHere) return;
    const record = await this.#recordElsewhere(roomId, userId);
    if (record === undefined) throw new UnknownRoom(roomId);
    if (record.membership === 'leave') return;
    if (!isPresent(record.membership)) throw new MatrixError('M_FORBIDDEN', `${userId} is banned from the room.`);
    const present = (await this.#parts.events.byNids([record.eventNid])).get(record.eventNid);
    if (present === undefined) throw new Error(`The member event ${record.eventNid} has no row`);
    await this.#parts.elsewhere.memberships.leave({ roomId, userId, content }, present);
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

  /** Throws M_BAD_STATE where the target is not banned. Specification: client-server API, "Other error codes". */
  async unban({ roomId, sender, target, reason }: MembershipRequest): Promise<void> {
    await this.#change(roomId, sender, async ({ room, loadMembers }) => {
      await loadMembers(sender, target);
      if (membershipIn(room, target) !== 'ban') {
        throw new MatrixError('M_BAD_STATE', `${target} is not banned from the room.`, { status: 403 });
      }
      return { events: [memberEvent(sender, target, memberContent('leave', { reason }))] };
    });
  }

  /** Throws M_UNKNOWN while the user is in the room, or invited, or was never there. */
  async forget({ roomId, userId }: OwnMembershipRequest): Promise<void> {
    const isHere = await this.#changeHere(roomId, async ({ room, loadMembers }) => {
      await loadMembers(userId);
      const membership = checkForgettable(userId, membershipIn(room, userId));
      return { events: [], alongside: (transaction) => forgetIn(transaction, room, { userId, membership }) };
    });
    if (isHere) return;
    const room = await this.#parts.events.room(roomId);
    const record = room === undefined ? undefined : await this.#parts.memberships.of(room, userId);
    if (room === undefined || record === undefined) throw new UnknownRoom(roomId);
    const membership = checkForgettable(userId, record.membership);
    const { nid: roomNid } = room;
    await this.#parts.storage.write((transaction) =>
      forgetIn(transaction, { roomId, roomNid }, { userId, membership }),
    );
  }

  /** A membership that a client set as a state event; the content is the client's. The event ID. */
  async setByState(request: {
    roomId: string;
    sender: string;
    target: string;
    content: JsonObject;
    extraTopLevel: JsonObject | undefined;
    /** Not for an invite of a user of another server, which comes back from there: that has `attempt`. */
    alongside?: RecordTransaction | undefined;
    attempt?: InviteAttempt | undefined;
  }): Promise<string> {
    const { roomId, sender, target, extraTopLevel, alongside, attempt } = request;
    const { membership } = request.content;
    if (membership === 'invite') await this.#checkTakesInvites(target);
    const isOfTarget = membership === 'invite' || (membership === 'join' && sender === target);
    const profile = isOfTarget ? await this.#parts.profileOf(target) : undefined;
    const content = { ...profileContent(profile), ...request.content };
    if (membership === 'invite' && this.#isRemote(target)) {
      const event = { ...memberEvent(sender, target, content), extraTopLevel };
      const invite = { roomId, sender, target, event, attempt };
      const eventId = await this.#parts.elsewhere.invites.invite(invite, () => false);
      if (eventId === undefined) throw new Error('An invite that is not to be left out was left out');
      return eventId;
    }
    const isGuest = membership === 'join' && (await this.#parts.accounts.isGuest(target));
    const [written] = await this.#change(roomId, sender, async (turn) => {
      if (isGuest) checkGuestAccess(turn.room.state);
      const authorisation = membership === 'join' ? await this.#authorisation(turn, target) : {};
      const event = memberEvent(sender, target, { ...content, ...authorisation });
      return { events: [{ ...event, extraTopLevel }], alongside: ofFirst(alongside) };
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

  /**
   * Leaves every room, and declines every invite, of an account that ended, until told to stop. Whether none is left; a
   * room that refuses does not keep others.
   */
  async leaveAll(userId: string, isStopping: () => boolean): Promise<boolean> {
    let isDone = true;
    const records = (await this.#parts.memberships.ofUser(userId)).filter(({ membership }) => isPresent(membership));
    const rooms = [...(await this.#parts.events.rooms(records.map((record) => record.roomNid))).values()];
    for (let start = 0; start < rooms.length; start += LEFT_AT_ONCE) {
      if (isStopping()) return false;
      const some = rooms.slice(start, start + LEFT_AT_ONCE);
      const gone = await Promise.all(some.map(({ roomId }) => this.#tryToLeave(roomId, userId)));
      isDone &&= gone.every((isGone) => isGone);
    }
    return isDone;
  }

  async #tryToLeave(roomId: string, userId: string): Promise<boolean> {
    try {
      await this.leave({ roomId, userId });
      return true;
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error;
      this.#parts.log.warn('An account that ended could not leave a room; trying again later', {
        roomId,
        userId,
        error,
      });
      return false;
    }
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

  /** What a join needs of other servers: the room itself, or their word for the newcomer; `undefined` once joined. */
  async #joinHere({ roomId, userId, content, isGuest }: LocalJoin): Promise<'the room' | 'their word' | undefined> {
    try {
      const isHere = await this.#changeHere(roomId, async (turn) => {
        await turn.loadMembers(userId);
        if (membershipIn(turn.room, userId) === 'join') return NOTHING;
        if (isElsewhere(turn.room)) return ELSEWHERE;
        if (isGuest) checkGuestAccess(turn.room.state);
        const authorisation = await this.#authorisation(turn, userId);
        return { events: [memberEvent(userId, userId, { ...content, ...authorisation })] };
      });
      return isHere ? undefined : 'the room';
    } catch (error) {
      if (!(error instanceof NoAuthorisingUser)) throw error;
      const room = await this.#parts.events.room(roomId);
      const others = room === undefined ? new Set() : await this.#parts.elsewhere.servers.in(room);
      if (others.size === 0) throw error;
      return 'their word';
    }
  }

  /** False where the room is not here, or decided to be ELSEWHERE. */
  async #changeHere(roomId: string, decide: (turn: RoomInTurn) => Promise<Decision>): Promise<boolean> {
    let isHere = true;
    try {
      await this.#parts.writer.change(roomId, async (turn) => {
        const decision = await decide(turn);
        isHere = decision !== ELSEWHERE;
        return decision;
      });
    } catch (error) {
      if (!(error instanceof UnknownRoom)) throw error;
      return false;
    }
    return isHere;
  }

  /** The membership that others made for a user of ours in a room that this server is not in. */
  async #recordElsewhere(roomId: string, userId: string): Promise<MembershipRecord | undefined> {
    const room = await this.#parts.events.room(roomId);
    return room === undefined ? undefined : this.#parts.memberships.of(room, userId);
  }

  async #checkTakesInvites(userId: string): Promise<void> {
    if (!this.#isRemote(userId) && (await this.#parts.accounts.blocksInvites(userId))) throw inviteBlocked(userId);
  }

  #isRemote(userId: string): boolean {
    return serverNameOf(userId) !== this.#parts.serverName;
  }
}

interface LocalJoin {
  readonly roomId: string;
  readonly userId: string;
  readonly content: JsonObject;
  readonly isGuest: boolean;
}

/** Nobody of this server is in the room and others are: what this server has of it may be out of date. */
function isElsewhere({ localJoined, serversIn }: LoadedRoom): boolean {
  return localJoined.size === 0 && serversIn.size > 0;
}

function neverThere(userId: string): MatrixError {
  return new MatrixError('M_FORBIDDEN', `${userId} was never in the room.`);
}

function checkForgettable(userId: string, membership: string | undefined): string {
  if (membership === 'leave' || membership === 'ban') return membership;
  const text = membership === undefined ? 'was never in the room' : 'has to leave the room first';
  throw new MatrixError('M_UNKNOWN', `${userId} ${text}.`);
}

function forgetIn(
  transaction: WriteTransaction,
  { roomId, roomNid }: Pick<LoadedRoom, 'roomId' | 'roomNid'>,
  { userId, membership }: { userId: string; membership: string },
): void {
  transaction.run(updateForgotten, { roomNid, userId });
  transaction.publish({ kind: 'membership', roomId, userId, membership, previous: membership });
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
