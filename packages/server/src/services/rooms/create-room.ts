import {
  asRoomAlias,
  isLongerThan,
  MAX_IDENTIFIER_BYTES,
  parseUserId,
  serverNameOf,
} from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { DEFAULT_ROOM_VERSION_ID, findRoomVersion, type RoomVersion } from '@limpet/protocol/room-version';
import type { Platform } from '../../platform/platform.ts';
import type { Random } from '../../platform/random.ts';
import { ExpectationFailed } from '../../storage/storage.ts';
import type { MemberProfile } from '../accounts/profiles.ts';
import { ALIAS_EXPECTATION, type Aliases } from './aliases.ts';
import type { EventMaker, MadeEvent } from './event-maker.ts';
import { inviteBlocked } from './invite-blocked.ts';
import type { LocalAccounts } from './local-accounts.ts';
import type { MembershipChanges, ProfileOf } from './membership-changes.ts';
import { type CreateRoomRequest, createEventOf, eventsAfterCreate, type RoomPlan } from './room-to-create.ts';
import type { RoomWriter } from './room-writer.ts';

/** Users that one request may invite, and events it may list. */
const MAX_INVITES = 100;
const MAX_INITIAL_STATE = 1_000;
/** Other servers that are asked at once to sign an invite, or for a profile. */
const SERVERS_AT_ONCE = 10;
/** Of the room IDs that are not hashes. */
const ROOM_ID_BYTES = 18;

export interface RoomCreationParts {
  readonly writer: RoomWriter;
  readonly maker: EventMaker;
  readonly aliases: Aliases;
  readonly memberships: MembershipChanges;
  readonly profileOf: ProfileOf;
  readonly accounts: LocalAccounts;
  readonly serverName: string;
  readonly platform: Pick<Platform, 'random' | 'log'>;
}

/**
 * Makes a room with all it begins with, or nothing at all; the room ID. Throws M_ROOM_IN_USE, M_INVALID_ROOM_STATE,
 * M_UNSUPPORTED_ROOM_VERSION, M_INVALID_PARAM, M_INVITE_BLOCKED, and M_UNKNOWN (502) for who is invited and whose
 * server cannot be reached. Users of other servers are invited once the room is there; what their server refuses is
 * left out.
 * Specification: client-server API, `POST /createRoom`.
 */
export async function createRoom(request: CreateRoomRequest, parts: RoomCreationParts): Promise<string> {
  const plan = await planRoom(request, parts);
  const events = eventsAfterCreate(plan);
  try {
    const { version, alias } = plan;
    const { creator, isListed } = request;
    const { roomId } = await parts.writer.create({
      makeCreate: () => makeCreateEvent(plan, parts),
      version,
      isListed,
      events,
      alongside: (transaction, roomId) => {
        if (alias !== undefined) parts.aliases.write(transaction, { alias, roomId, creator });
      },
    });
    await inviteFromElsewhere(roomId, plan, parts);
    return roomId;
  } catch (error) {
    if (error instanceof ExpectationFailed && error.expectation === ALIAS_EXPECTATION) throw aliasTaken(plan.alias);
    if (error instanceof MatrixError && error.errcode === 'M_FORBIDDEN') {
      throw new MatrixError('M_INVALID_ROOM_STATE', `The room cannot begin like this: ${error.message}`);
    }
    throw error;
  }
}

async function planRoom(request: CreateRoomRequest, parts: RoomCreationParts): Promise<RoomPlan> {
  const version = versionOf(request.roomVersion);
  if (request.invite.length > MAX_INVITES || request.initialState.length > MAX_INITIAL_STATE) {
    const text = `A new room takes ${MAX_INVITES} invites and ${MAX_INITIAL_STATE} events of initial_state at most.`;
    throw new MatrixError('M_INVALID_PARAM', text);
  }
  const invited = [...new Set(request.invite)];
  const isLocal = (userId: string) => serverNameOf(parseUserId(userId)) === parts.serverName;
  for (const userId of invited.filter(isLocal)) {
    if (await parts.accounts.blocksInvites(userId)) throw inviteBlocked(userId);
  }
  const profiles = new Map<string, MemberProfile>();
  await someAtOnce([request.creator, ...invited], async (userId) => {
    profiles.set(userId, await parts.profileOf(userId));
  });
  const invites = { here: invited.filter(isLocal), elsewhere: invited.filter((userId) => !isLocal(userId)) };
  return { request, version, alias: await aliasOf(request, parts), profiles, invites };
}

/** Their servers have to sign the invites, which takes time, and a room that they can be invited to. */
async function inviteFromElsewhere(roomId: string, plan: RoomPlan, parts: RoomCreationParts): Promise<void> {
  const { creator: sender, isDirect } = plan.request;
  await someAtOnce(plan.invites.elsewhere, async (target) => {
    try {
      await parts.memberships.invite({ roomId, sender, target, isDirect });
    } catch (error) {
      // The room is there, and its creator sees in it who is invited.
      if (!(error instanceof MatrixError)) throw error;
      parts.platform.log.warn('A new room goes without an invite', { roomId, target, error });
    }
  });
}

async function someAtOnce(userIds: readonly string[], work: (userId: string) => Promise<void>): Promise<void> {
  for (let start = 0; start < userIds.length; start += SERVERS_AT_ONCE) {
    await Promise.all(userIds.slice(start, start + SERVERS_AT_ONCE).map(work));
  }
}

function versionOf(asked: string | undefined): RoomVersion {
  const version = findRoomVersion(asked ?? DEFAULT_ROOM_VERSION_ID);
  if (version !== undefined) return version;
  throw new MatrixError('M_UNSUPPORTED_ROOM_VERSION', `This server does not know room version ${asked}.`);
}

async function aliasOf({ roomAliasName }: CreateRoomRequest, parts: RoomCreationParts): Promise<string | undefined> {
  if (roomAliasName === undefined) return undefined;
  const alias = asRoomAlias(`#${roomAliasName}:${parts.serverName}`);
  const isLocalpart = roomAliasName !== '' && !/[:\0]/.test(roomAliasName);
  if (alias === undefined || !isLocalpart || isLongerThan(alias, MAX_IDENTIFIER_BYTES)) {
    const text = 'room_alias_name is what stands between "#" and ":" of the alias, so it has no ":" and is not empty.';
    throw new MatrixError('M_INVALID_PARAM', text);
  }
  // The batch makes sure; this spares making a room that cannot be.
  if ((await parts.aliases.find(alias)) !== undefined) throw aliasTaken(alias);
  return alias;
}

function makeCreateEvent(plan: RoomPlan, { maker, platform, serverName }: RoomCreationParts): MadeEvent {
  const { version } = plan;
  const roomId = version.roomIdIsCreateHash ? undefined : newRoomId(platform.random, serverName);
  return maker.make(createEventOf(plan), { roomId, version, state: new Map(), previous: [] });
}

/** Of room versions where it is not the hash of the create event. */
export function newRoomId(random: Random, serverName: string): string {
  return `!${Buffer.from(random.bytes(ROOM_ID_BYTES)).toString('base64url')}:${serverName}`;
}

function aliasTaken(alias: string | undefined): MatrixError {
  return new MatrixError('M_ROOM_IN_USE', `The alias ${alias} is taken.`);
}
