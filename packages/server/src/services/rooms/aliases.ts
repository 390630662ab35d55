import { powerLevelsOf } from '@limpet/protocol/authorization/power-levels';
import { isLongerThan, MAX_IDENTIFIER_BYTES, type RoomAlias, serverNameOf } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import type { Clock } from '../../platform/clock.ts';
import { deleteAlias, insertAlias, selectAlias, selectAliasesOfRoom } from '../../storage/queries/aliases.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import type { EventStore } from './event-store.ts';
import { historyVisibilityOf } from './history-visibility.ts';
import { findJoinedRoom } from './joined-rooms.ts';
import type { RemoteAliases } from './joining/remote-aliases.ts';
import type { MembershipReader } from './membership-reader.ts';
import type { RoomRecord } from './room-event.ts';
import type { StateStore } from './state-store.ts';

/** Aliases that one room may have. */
const MAX_ALIASES_OF_ROOM = 1_000;

export const ALIAS_EXPECTATION = 'the room alias is free';
const STILL_THERE_EXPECTATION = 'the room alias is still there';

export interface AliasesParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly serverName: string;
  readonly events: EventStore;
  readonly state: StateStore;
  readonly memberships: MembershipReader;
  readonly remoteAliases: RemoteAliases;
}

export interface FoundAlias {
  readonly roomId: string;
  readonly creator: string;
}

/**
 * Room aliases: those of this server, and what those of others lead to. Specification: client-server API, "Room
 * aliases".
 */
export class Aliases {
  readonly #parts: AliasesParts;

  constructor(parts: AliasesParts) {
    this.#parts = parts;
  }

  /** The room behind an alias of this server. */
  async find(alias: string): Promise<FoundAlias | undefined> {
    const [row] = await this.#parts.storage.read(selectAlias, { alias });
    return row === undefined ? undefined : { roomId: row.room_id, creator: row.creator };
  }

  /**
   * The room behind an alias, whatever server gave it, and servers that may know the room. Throws M_NOT_FOUND where
   * there is no such alias, M_UNKNOWN (502) where its server does not say.
   */
  async resolve(alias: RoomAlias): Promise<{ roomId: string; servers: string[] }> {
    if (serverNameOf(alias) !== this.#parts.serverName) return this.#parts.remoteAliases.resolve(alias);
    const found = await this.find(alias);
    if (found === undefined) throw unknownAlias(alias);
    return { roomId: found.roomId, servers: [this.#parts.serverName] };
  }

  async ofRoom(room: RoomRecord): Promise<string[]> {
    const rows = await this.#parts.storage.read(selectAliasesOfRoom, { roomId: room.roomId });
    return rows.map((row) => row.alias);
  }

  /** Throws M_FORBIDDEN unless the user is joined, or anybody may read the room. */
  async listFor(roomId: string, userId: string): Promise<string[]> {
    const { events, memberships, state } = this.#parts;
    const room = await events.room(roomId);
    const isJoined = room !== undefined && (await memberships.of(room, userId))?.membership === 'join';
    const visibility = room === undefined ? undefined : await state.current(room, 'm.room.history_visibility', '');
    if (room === undefined || !(isJoined || historyVisibilityOf(visibility?.pdu) === 'world_readable')) {
      throw new MatrixError('M_FORBIDDEN', `Only who is joined to the room ${roomId} can list its aliases.`);
    }
    return this.ofRoom(room);
  }

  /**
   * Throws M_INVALID_PARAM for an alias of another server, M_FORBIDDEN who is not in the room, M_UNKNOWN (409) if
   * taken.
   */
  async add(alias: RoomAlias, roomId: string, userId: string): Promise<void> {
    this.checkOwn(alias);
    const room = await findJoinedRoom(this.#parts, roomId, userId);
    if (room === undefined) {
      throw new MatrixError('M_FORBIDDEN', `Only who is joined to the room ${roomId} can give it an alias.`);
    }
    if ((await this.ofRoom(room)).length >= MAX_ALIASES_OF_ROOM) {
      throw new MatrixError('M_FORBIDDEN', `A room has ${MAX_ALIASES_OF_ROOM} aliases at most.`);
    }
    try {
      await this.#parts.storage.write((transaction) => this.write(transaction, { alias, roomId, creator: userId }));
    } catch (error) {
      if (!(error instanceof ExpectationFailed)) throw error;
      throw new MatrixError('M_UNKNOWN', `The alias ${alias} is taken.`, { status: 409 });
    }
  }

  /** Adds the alias to a batch, which fails with ALIAS_EXPECTATION if it is taken. */
  write(transaction: WriteTransaction, row: { alias: string; roomId: string; creator: string }): void {
    transaction.expect(insertAlias, { ...row, createdTs: this.#parts.clock.nowMs() }, ALIAS_EXPECTATION);
  }

  /** Who made it, and who may set the room's canonical alias, can. Throws M_NOT_FOUND, M_FORBIDDEN. */
  async remove(alias: RoomAlias, userId: string): Promise<void> {
    this.checkOwn(alias);
    const found = await this.find(alias);
    if (found === undefined) throw unknownAlias(alias);
    const { roomId, creator } = found;
    if (creator !== userId && !(await this.mayName(roomId, userId))) {
      throw new MatrixError('M_FORBIDDEN', 'Only who made the alias, or may name the room, can remove it.');
    }
    try {
      await this.#parts.storage.write((transaction) =>
        transaction.expect(deleteAlias, { alias, roomId }, STILL_THERE_EXPECTATION),
      );
    } catch (error) {
      if (!(error instanceof ExpectationFailed)) throw error;
      throw unknownAlias(alias);
    }
  }

  /** Whether the user is joined and may send `m.room.canonical_alias`: who names a room may list it, too. */
  async mayName(roomId: string, userId: string): Promise<boolean> {
    const { state } = this.#parts;
    const room = await findJoinedRoom(this.#parts, roomId, userId);
    if (room === undefined) return false;
    const stateMap = new Map<string, Pdu>();
    for (const type of ['m.room.create', 'm.room.power_levels']) {
      const event = await state.current(room, type, '');
      if (event !== undefined) stateMap.set(stateMapKey(type, ''), event.pdu);
    }
    const powerLevels = powerLevelsOf(stateMap, room.version);
    return powerLevels.levelOf(userId) >= powerLevels.requiredFor('m.room.canonical_alias', true);
  }

  /** Throws M_INVALID_PARAM for an alias that is not this server's to give. */
  checkOwn(alias: RoomAlias): void {
    if (serverNameOf(alias) !== this.#parts.serverName) {
      const text = `The alias ${alias} is of another server than ${this.#parts.serverName}.`;
      throw new MatrixError('M_INVALID_PARAM', text);
    }
    if (isLongerThan(alias, MAX_IDENTIFIER_BYTES)) {
      throw new MatrixError('M_INVALID_PARAM', `An alias has ${MAX_IDENTIFIER_BYTES} bytes at most.`);
    }
  }
}

function unknownAlias(alias: string): MatrixError {
  return new MatrixError('M_NOT_FOUND', `There is no room alias ${alias}.`);
}
