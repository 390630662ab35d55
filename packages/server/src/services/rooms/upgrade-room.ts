import { parseUserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import { findRoomVersion, type RoomVersion } from '@limpet/protocol/room-version';
import type { Log } from '../../platform/log.ts';
import type { Random } from '../../platform/random.ts';
import { moveAliases } from '../../storage/queries/aliases.ts';
import { updateRoomListing } from '../../storage/queries/event-graph.ts';
import { selectRoomById } from '../../storage/queries/rooms.ts';
import type { Storage } from '../../storage/storage.ts';
import { newRoomId } from './create-room.ts';
import type { EventMaker } from './event-maker.ts';
import type { EventStore } from './event-store.ts';
import { joinedRoom } from './joined-rooms.ts';
import type { ProfileOf } from './membership-changes.ts';
import type { MembershipReader } from './membership-reader.ts';
import {
  closingPowerLevels,
  mayReplace,
  type RoomToReplace,
  replacementCreateEvent,
  replacementEvents,
  TRANSFERRED_TYPES,
} from './replacement-room.ts';
import type { RoomRecord } from './room-event.ts';
import type { RoomStateReader } from './room-state.ts';
import type { RoomWriter } from './room-writer.ts';
import type { Sending } from './sending.ts';

const READ_TYPES = [...TRANSFERRED_TYPES, 'm.room.create', 'm.room.power_levels', 'm.room.canonical_alias'];

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
  readonly sending: Sending;
  readonly profileOf: ProfileOf;
  readonly platform: { readonly random: Random; readonly log: Log };
}

/**
 * Replaces a room by one of another version; the new room's ID. Name, rules, bans, and the aliases of this server go
 * over, members do not: the tombstone sends them there. Throws M_UNSUPPORTED_ROOM_VERSION, M_FORBIDDEN for who may
 * not close the room. Specification: client-server API, "Room upgrades", the server's steps 1 to 6.
 */
export async function upgradeRoom(request: UpgradeRequest, parts: RoomUpgradeParts): Promise<string> {
  const version = findRoomVersion(request.newVersion);
  if (version === undefined) {
    const text = `This server does not know room version ${JSON.stringify(request.newVersion)}.`;
    throw new MatrixError('M_UNSUPPORTED_ROOM_VERSION', text);
  }
  const room = await joinedRoom(parts, request.roomId, request.userId);
  const old = await readRoom(room, version, { request, parts });
  // 1
  if (!mayReplace(old.state, room.version, request.userId)) {
    throw new MatrixError('M_FORBIDDEN', 'Replacing a room takes the power to send m.room.tombstone in it.');
  }
  const roomId = await createReplacement(room, old, parts);
  await moveCanonicalAlias(old, roomId, parts);
  // 5
  await setState(parts, old, { type: 'm.room.tombstone', content: tombstoneFor(roomId) });
  // 6
  const closing = closingPowerLevels(old.state);
  if (closing !== undefined) {
    await tryToSet(parts, old, { type: 'm.room.power_levels', content: closing });
  }
  return roomId;
}

async function readRoom(
  room: RoomRecord,
  version: RoomVersion,
  { request, parts }: { readonly request: UpgradeRequest; readonly parts: RoomUpgradeParts },
): Promise<RoomToReplace> {
  const { events, state, memberships, profileOf } = parts;
  const { userId, roomId } = request;
  const [current, links, banned] = await Promise.all([
    state.currentOfTypes(room, READ_TYPES),
    state.currentOfTypes(room, ['m.space.child']),
    memberships.ofRoom(room, 'ban'),
  ]);
  const stateMap = new Map<string, Pdu>();
  for (const { pdu } of current) stateMap.set(stateMapKey(pdu.type, pdu.stateKey ?? ''), pdu);
  // In the order in which they came: the latest are those that matter most.
  const kept = banned.slice(-MAX_BANS);
  if (kept.length < banned.length) {
    const leftBehind = banned.length - kept.length;
    parts.platform.log.warn('A room is replaced without its oldest bans', { roomId, kept: kept.length, leftBehind });
  }
  const bans = await events.byNids(kept.map(({ eventNid }) => eventNid));
  const creators = request.additionalCreators.map((creator) => parseUserId(creator));
  return {
    userId,
    roomId,
    version,
    oldVersion: room.version,
    state: stateMap,
    bans: [...bans.values()].map(({ pdu }) => pdu),
    spaceLinks: links.map(({ pdu }) => pdu).filter(({ content }) => Array.isArray(content.via)),
    additionalCreators: creators.filter((creator) => creator !== userId),
    profile: await profileOf(userId),
  };
}

/** Steps 2 to 4, in one batch: with the new room, aliases and the place in the directory go over. */
async function createReplacement(room: RoomRecord, old: RoomToReplace, parts: RoomUpgradeParts): Promise<string> {
  const { version } = old;
  const [row] = await parts.storage.read(selectRoomById, { roomId: room.roomId });
  const makeCreate = () => {
    const ownId = version.roomIdIsCreateHash ? undefined : newRoomId(parts.platform.random, parts.serverName);
    const draft = { roomId: ownId, version, state: new Map(), previous: [] };
    return parts.maker.make(replacementCreateEvent(old), draft);
  };
  try {
    const { roomId } = await parts.writer.create({
      makeCreate,
      version,
      isListed: row?.is_listed === 1,
      events: replacementEvents(old),
      alongside: (transaction, newId) => {
        transaction.run(moveAliases, { from: room.roomId, to: newId });
        transaction.run(updateRoomListing, { roomNid: room.nid, isListed: 0 });
      },
    });
    return roomId;
  } catch (error) {
    if (!(error instanceof MatrixError) || error.errcode !== 'M_FORBIDDEN') throw error;
    const text = `Version ${version.id} does not take this room over as it is: ${error.message}`;
    throw new MatrixError('M_INVALID_ROOM_STATE', text);
  }
}

async function moveCanonicalAlias(old: RoomToReplace, roomId: string, parts: RoomUpgradeParts): Promise<void> {
  const canonical = old.state.get(stateMapKey('m.room.canonical_alias', ''))?.content;
  if (canonical === undefined || Object.keys(canonical).length === 0) return;
  await tryToSet(parts, { ...old, roomId }, { type: 'm.room.canonical_alias', content: canonical });
  await tryToSet(parts, old, { type: 'm.room.canonical_alias', content: {} });
}

function tombstoneFor(roomId: string): JsonObject {
  return { body: TOMBSTONE_TEXT, replacement_room: roomId };
}

interface NewState {
  readonly type: string;
  readonly content: JsonObject;
}

type WhereAndWho = Pick<RoomToReplace, 'roomId' | 'userId'>;

function setState({ sending }: RoomUpgradeParts, { roomId, userId }: WhereAndWho, state: NewState): Promise<string> {
  return sending.setState({ ...state, roomId, stateKey: '', sender: { userId } });
}

/** For what is good to have and no reason to fail: the new room is there. */
async function tryToSet(parts: RoomUpgradeParts, where: WhereAndWho, state: NewState): Promise<void> {
  try {
    await setState(parts, where, state);
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    const { roomId } = where;
    parts.platform.log.info('A room was replaced and could not be changed', { roomId, type: state.type, error });
  }
}
