import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { parseUserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { stateEvent } from '@limpet/protocol/pdu';
import { findRoomVersion, type RoomVersion } from '@limpet/protocol/room-version';
import type { Log } from '../../platform/log.ts';
import type { Random } from '../../platform/random.ts';
import { moveAliases, selectAliasesOfRoom } from '../../storage/queries/aliases.ts';
import { updateRoomListing } from '../../storage/queries/event-graph.ts';
import { selectRoomById } from '../../storage/queries/rooms.ts';
import type { Storage } from '../../storage/storage.ts';
import type { MemberProfile } from '../accounts/profiles.ts';
import { newRoomId } from './create-room.ts';
import type { EventMaker, NewEvent } from './event-maker.ts';
import type { EventStore } from './event-store.ts';
import { findJoinedRoom, joinedRoom } from './joined-rooms.ts';
import { membershipIn } from './loaded-room.ts';
import type { ProfileOf } from './membership-changes.ts';
import type { MembershipReader } from './membership-reader.ts';
import {
  closingPowerLevels,
  mayReplace,
  type RoomToReplace,
  remainingAliases,
  replacementCreateEvent,
  replacementEvents,
} from './replacement-room.ts';
import type { Decision, RoomInTurn } from './room-actor.ts';
import type { RoomStateReader } from './room-state.ts';
import type { NewRoom, RoomWriter } from './room-writer.ts';

/** Bans that go over to the new room, each as an event of its own; older ones are left behind, and the log says so. */
const MAX_BANS = 1_000;

/** What is shown to who stays behind, where his client does not know what a replaced room is. */
const TOMBSTONE_TEXT = 'This room has been replaced.';

export interface UpgradeRequest {
  readonly roomId: string;
  readonly userId: string;
  readonly newVersion: string;
  readonly additionalCreators: readonly string[];
}

export interface RoomUpgradeParts {
  readonly storage: Storage;
  readonly serverName: string;
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly memberships: MembershipReader;
  readonly writer: RoomWriter;
  readonly maker: EventMaker;
  readonly profileOf: ProfileOf;
  readonly platform: { readonly random: Random; readonly log: Log };
}

/**
 * Replaces a room by one of another version; the new room's ID. Name, rules, bans, and the aliases of this server go
 * over, members do not: the tombstone sends them there. All of it is one batch: whatever happens, the old room is as it
 * was or the new one is in its place, and who asks once more, not having heard the answer, is given the room that is
 * there. Throws M_UNSUPPORTED_ROOM_VERSION, M_FORBIDDEN for who may not close the room, M_INVALID_ROOM_STATE where the
 * version does not take it. Specification: client-server API, "Room upgrades", the server's steps 1 to 6.
 */
export async function upgradeRoom(request: UpgradeRequest, parts: RoomUpgradeParts): Promise<string> {
  const version = findRoomVersion(request.newVersion);
  if (version === undefined) {
    const text = `This server does not know room version ${JSON.stringify(request.newVersion)}.`;
    throw new MatrixError('M_UNSUPPORTED_ROOM_VERSION', text);
  }
  const { roomId, userId } = request;
  await joinedRoom(parts, roomId, userId);
  const profile = await parts.profileOf(userId);
  let replacement = '';
  // As the room is in this turn, so it goes over: nobody bans or renames anything meanwhile.
  await parts.writer.change(roomId, async (turn) => {
    const old = await readRoom(turn, { request, version, profile }, parts);
    // 1
    if (membershipIn(turn.room, userId) !== 'join' || !mayReplace(old.state, old.oldVersion, userId)) {
      throw new MatrixError('M_FORBIDDEN', 'Replacing a room takes the power to send m.room.tombstone in it.');
    }
    const known = await findReplacement(old, parts);
    replacement = known ?? '';
    if (known !== undefined) return { events: [] };
    const newRoom = await prepareReplacement(old, parts);
    replacement = newRoom.record.roomId;
    return replaceBy(newRoom, old, turn);
  });
  return replacement;
}

interface KnownBefore {
  readonly request: UpgradeRequest;
  readonly version: RoomVersion;
  readonly profile: MemberProfile;
}

async function readRoom(
  turn: RoomInTurn,
  { request, version, profile }: KnownBefore,
  { storage, events, memberships, platform }: RoomUpgradeParts,
): Promise<RoomToReplace> {
  const { userId, roomId } = request;
  const { record, state } = turn.room;
  await turn.loadMembers(userId);
  await turn.written();
  const [banned, aliases] = await Promise.all([
    memberships.ofRoom(record, 'ban'),
    storage.read(selectAliasesOfRoom, { roomId }),
  ]);
  // In the order in which they came: the latest are those that matter most.
  const kept = banned.slice(-MAX_BANS);
  if (kept.length < banned.length) {
    const leftBehind = banned.length - kept.length;
    platform.log.warn('A room is replaced without its oldest bans', { roomId, kept: kept.length, leftBehind });
  }
  const bans = await events.byNids(kept.map(({ eventNid }) => eventNid));
  const creators = request.additionalCreators.map((creator) => parseUserId(creator));
  const links = [...state.values()].filter(
    ({ type, content }) => type === 'm.space.child' && Array.isArray(content.via),
  );
  return {
    userId,
    roomId,
    version,
    oldVersion: record.version,
    state,
    bans: [...bans.values()].map(({ pdu }) => pdu),
    spaceLinks: links,
    aliases: new Set(aliases.map(({ alias }) => alias)),
    additionalCreators: creators.filter((creator) => creator !== userId),
    profile,
  };
}

/** What this user replaced the room by already, if it is what is asked for now and the user is still in it. */
async function findReplacement(old: RoomToReplace, parts: RoomUpgradeParts): Promise<string | undefined> {
  const tombstone = stateEvent(old.state, 'm.room.tombstone', '');
  const roomId = tombstone?.content.replacement_room;
  if (tombstone?.sender !== old.userId || typeof roomId !== 'string') return undefined;
  const room = await findJoinedRoom(parts, roomId, old.userId);
  const create = room === undefined ? undefined : await parts.state.current(room, 'm.room.create', '');
  if (create === undefined) return undefined;
  const wanted = replacementCreateEvent(old).content;
  return encodeCanonicalJson(create.pdu.content) === encodeCanonicalJson(wanted) ? roomId : undefined;
}

/** Steps 2 and 3. */
async function prepareReplacement(old: RoomToReplace, parts: RoomUpgradeParts): Promise<NewRoom> {
  const { version } = old;
  const [row] = await parts.storage.read(selectRoomById, { roomId: old.roomId });
  const makeCreate = () => {
    const ownId = version.roomIdIsCreateHash ? undefined : newRoomId(parts.platform.random, parts.serverName);
    const draft = { roomId: ownId, version, state: new Map(), previous: [] };
    return parts.maker.make(replacementCreateEvent(old), draft);
  };
  try {
    const isListed = row?.is_listed === 1;
    return await parts.writer.prepare({ makeCreate, version, isListed, events: replacementEvents(old) });
  } catch (error) {
    if (!(error instanceof MatrixError) || error.errcode !== 'M_FORBIDDEN') throw error;
    const text = `Version ${version.id} does not take this room over as it is: ${error.message}`;
    throw new MatrixError('M_INVALID_ROOM_STATE', text);
  }
}

/** Steps 4 to 6. */
function replaceBy(newRoom: NewRoom, old: RoomToReplace, turn: RoomInTurn): Decision {
  const { roomId } = newRoom.record;
  const aliases = remainingAliases(old);
  const powerLevels = closingPowerLevels(old.state);
  const event = (type: string, content: JsonObject): NewEvent => {
    return { sender: old.userId, type, stateKey: '', content };
  };
  return {
    newRoom,
    events: [
      ...(aliases === undefined ? [] : ifAllowed(event('m.room.canonical_alias', aliases), turn)),
      event('m.room.tombstone', { body: TOMBSTONE_TEXT, replacement_room: roomId }), // 5
      ...(powerLevels === undefined ? [] : ifAllowed(event('m.room.power_levels', powerLevels), turn)), // 6
    ],
    alongside: (transaction) => {
      transaction.run(moveAliases, { from: old.roomId, to: roomId }); // 4
      transaction.run(updateRoomListing, { roomNid: turn.room.roomNid, isListed: 0 });
    },
  };
}

/** For what is good to have and no reason to fail. */
function ifAllowed(event: NewEvent, { room, make }: RoomInTurn): NewEvent[] {
  const { version } = room.record;
  const previous = room.extremities.map(({ pdu }) => pdu);
  try {
    make(event, { roomId: room.roomId, version, state: room.state, previous });
    return [event];
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    return [];
  }
}
