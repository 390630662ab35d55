import { MatrixError } from '@limpet/protocol/matrix-error';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../../platform/clock.ts';
import {
  type ConnectionRow,
  deleteConnectionsBeyond,
  deleteSameConnection,
  deleteVersions,
  deleteVersionsBeyond,
  deleteVersionsOfSame,
  insertConnection,
  insertVersion,
  selectConnection,
  selectVersions,
  updateConnectionUse,
} from '../../../storage/queries/sliding-sync.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../../storage/storage.ts';
import type { StreamVector } from '../../../storage/stream.ts';
import {
  applyChange,
  type ConnectionState,
  NEW_CONNECTION,
  type StateChange,
  wholeChange,
} from './connection-state.ts';
import { UNUSED_CONNECTION_MS } from './connection-sweeper.ts';
import { parseSlidingPos, type SlidingPos } from './sliding-pos.ts';
import type { SlidingRequest } from './sliding-request.ts';
import { formatStateChange, readStateChange } from './state-change-text.ts';

/** Connections of one user, of all devices together; beyond that the one ends that was not used for longest. */
const MAX_CONNECTIONS_OF_USER = 200;
/** Rooms of all connections that are kept in memory together; the others are read when they are used again. */
const MAX_KEPT_ROOMS = 1_000_000;
/** Versions kept as changes before the whole is written anew. */
const MAX_VERSIONS = 64;
/** How exactly it is known when a connection was last used. */
const USE_NOTED_EVERY_MS = 3_600_000;

type GivenPlace = Pick<SlidingPos, 'version' | 'vector'>;

type ConnectionKey = Pick<SlidingRequest, 'userId' | 'deviceId' | 'connId'>;

/** One connection, the same for all requests on it. Fields that may change are its keeper's alone. */
export interface Connection extends ConnectionKey {
  /** Names it in this process, for what is remembered of it in memory alone. Another one when that does not hold. */
  name: string;
  /** The place that the client was given last; `undefined` when that is not known any more. */
  given: GivenPlace | undefined;
  /** 0 until it was first saved. */
  nid: number;
  /** What the client had for certain when it last came. */
  confirmed: { readonly version: number; readonly state: ConnectionState };
  /** What it was given last, which it may not have received. */
  pending: { readonly version: number; readonly change: StateChange } | undefined;
  lastVersion: number;
  /** Rows of versions. */
  rows: number;
  lastUsedTs: number;
  /** Ends the request that is under way. */
  supersede: () => void;
  /** The lists of the last request, as text; `undefined` when that is not known any more. */
  lists: string | undefined;
}

/** A connection as one request meets it. */
export interface OpenConnection {
  readonly connection: Connection;
  readonly version: number;
  readonly state: ConnectionState;
  /** The vector of the request's `pos`. */
  readonly since: StreamVector | undefined;
}

/**
 * The connections of sliding sync: what each client was told. In memory while they are used, in the database so that a
 * restart loses nothing. A request comes either with the version given last, or with the one before, when the answer
 * was lost; of anything older nothing is known.
 */
export class Connections {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #kept = new LRUCache<number, Connection>({
    maxSize: MAX_KEPT_ROOMS,
    sizeCalculation: ({ confirmed }) => confirmed.state.rooms.size + 1,
  });

  #met = 0;

  constructor(storage: Storage, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /** Throws M_UNKNOWN_POS for a `pos` that is none of this connection, or is not kept any more. */
  async open(request: SlidingRequest): Promise<OpenConnection> {
    if (request.pos === undefined) return this.#begin(request);
    const { stream, databaseTag } = this.#storage;
    const pos = parseSlidingPos(request.pos, { databaseTag, current: stream.current() });
    const connection = pos && (this.#kept.get(pos.connectionNid) ?? (await this.#load(pos.connectionNid, request)));
    if (pos === undefined || connection === undefined || !isOf(connection, request)) throw unknownPos();
    const version = confirm(connection, pos.version);
    const { state } = connection.confirmed;
    // Another answer than the last one is what the client has: what that one told was lost.
    if (!isSamePlace(connection.given, pos)) this.noteLost(connection);
    await this.#noteUse(connection);
    this.#keep(connection);
    return { connection, version, state, since: pos.vector };
  }

  /**
   * Writes the next version; gives its number. From now on it is this one, or the one that it rests on.
   * Throws M_UNKNOWN_POS when the connection has ended meanwhile.
   */
  async save(connection: Connection, change: StateChange): Promise<number> {
    const version = connection.lastVersion + 1;
    connection.lastVersion = version;
    connection.pending = { version, change };
    try {
      if (connection.nid === 0) await this.#insert(connection, version, change);
      else await this.#storage.write((transaction) => this.#append(transaction, connection, version));
    } catch (error) {
      // What is in memory is not what is on disk: the next request reads anew.
      this.#kept.delete(connection.nid);
      throw error instanceof ExpectationFailed ? unknownPos() : error;
    }
    this.#keep(connection);
    return version;
  }

  /** An answer that was made is not given: what is remembered in memory alone of its having told holds no longer. */
  noteLost(connection: Connection): void {
    connection.name = this.#name();
  }

  /** Weighs it anew: it grows while it is kept. */
  #keep(connection: Connection): void {
    this.#kept.delete(connection.nid);
    this.#kept.set(connection.nid, connection);
  }

  #name(): string {
    this.#met += 1;
    return `c${this.#met}`;
  }

  #begin({ userId, deviceId, connId }: SlidingRequest): OpenConnection {
    const confirmed = { version: 0, state: NEW_CONNECTION };
    const connection: Connection = {
      ...{
        name: this.#name(),
        nid: 0,
        userId,
        deviceId,
        connId,
        confirmed,
        pending: undefined,
        lastVersion: 0,
        rows: 0,
      },
      ...{ lastUsedTs: this.#clock.nowMs(), supersede: () => {}, lists: undefined, given: undefined },
    };
    return { connection, version: 0, state: NEW_CONNECTION, since: undefined };
  }

  async #insert(connection: Connection, version: number, change: StateChange): Promise<void> {
    const { userId, deviceId, connId, lastUsedTs } = connection;
    const key = { userId, deviceId, connId };
    const beyond = { userId, most: MAX_CONNECTIONS_OF_USER };
    const committed = await this.#storage.write((transaction) => {
      const connectionNid = transaction.allocate();
      transaction.run(deleteVersionsOfSame, key);
      const same = transaction.fetch(deleteSameConnection, key);
      transaction.run(insertConnection, { connectionNid, ...key, lastUsedTs });
      transaction.run(insertVersion, { connectionNid, version, json: formatStateChange(change) });
      transaction.run(deleteVersionsBeyond, beyond);
      const dropped = transaction.fetch(deleteConnectionsBeyond, beyond);
      return { connectionNid, same, dropped };
    });
    const { connectionNid, same, dropped } = committed.value;
    connection.nid = connectionNid;
    connection.rows = 1;
    for (const row of [...committed.rows(same), ...committed.rows(dropped)]) this.#end(row.connection_nid);
  }

  /** Who waits on it is answered: nobody comes back for what he would be told. */
  #end(connectionNid: number): void {
    this.#kept.get(connectionNid)?.supersede();
    this.#kept.delete(connectionNid);
  }

  #append(transaction: WriteTransaction, connection: Connection, version: number): void {
    const { nid: connectionNid, confirmed, pending } = connection;
    if (pending === undefined) return;
    // Else versions would be left that are of no connection.
    const use = { connectionNid, lastUsedTs: connection.lastUsedTs };
    transaction.expect(updateConnectionUse, use, 'the connection is there');
    const from = confirmed.version + 1;
    // An answer that the client did not get is out of the world.
    transaction.run(deleteVersions, { connectionNid, from, upTo: version });
    connection.rows += 1;
    if (connection.rows > MAX_VERSIONS) {
      transaction.run(deleteVersions, { connectionNid, from: 0, upTo: confirmed.version });
      const json = formatStateChange(wholeChange(confirmed.state));
      transaction.run(insertVersion, { connectionNid, version: confirmed.version, json });
      connection.rows = 2;
    }
    transaction.run(insertVersion, { connectionNid, version, json: formatStateChange(pending.change) });
  }

  /** Of a connection that is somebody else's no more is read than that. */
  async #load(nid: number, request: ConnectionKey): Promise<Connection | undefined> {
    const [row] = await this.#storage.read(selectConnection, { connectionNid: nid });
    if (row === undefined || !isOf(keyOf(row), request)) return undefined;
    const versions = await this.#storage.read(selectVersions, { connectionNid: nid });
    const last = versions.pop();
    // Another request may have read it meanwhile.
    const known = this.#kept.get(nid);
    if (known !== undefined || last === undefined) return known;
    const connection = { name: this.#name(), ...readConnection(row, versions, last) };
    this.#kept.set(nid, connection);
    return connection;
  }

  async #noteUse(connection: Connection): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const unusedMs = nowMs - connection.lastUsedTs;
    if (unusedMs > UNUSED_CONNECTION_MS) throw unknownPos();
    if (unusedMs < USE_NOTED_EVERY_MS) return;
    connection.lastUsedTs = nowMs;
    const use = { connectionNid: connection.nid, lastUsedTs: nowMs };
    await this.#storage.write((transaction) => transaction.run(updateConnectionUse, use));
  }
}

interface VersionRow {
  readonly version: number;
  readonly json: string;
}

function readConnection(row: ConnectionRow, before: readonly VersionRow[], last: VersionRow): Omit<Connection, 'name'> {
  let state = NEW_CONNECTION;
  for (const { json } of before) state = applyChange(state, readStateChange(json));
  return {
    nid: row.connection_nid,
    ...keyOf(row),
    confirmed: { version: before.at(-1)?.version ?? 0, state },
    pending: { version: last.version, change: readStateChange(last.json) },
    lastVersion: last.version,
    rows: before.length + 1,
    lastUsedTs: row.last_used_ts,
    supersede: () => {},
    lists: undefined,
    given: undefined,
  };
}

function keyOf({ user_id: userId, device_id: deviceId, conn_id: connId }: ConnectionRow): ConnectionKey {
  return { userId, deviceId, connId };
}

function isOf(connection: ConnectionKey, { userId, deviceId, connId }: ConnectionKey): boolean {
  return connection.userId === userId && connection.deviceId === deviceId && connection.connId === connId;
}

/** Who comes with what was given last has received it. */
function confirm(connection: Connection, version: number): number {
  const { confirmed, pending } = connection;
  if (version === confirmed.version && version !== 0) return version;
  if (version !== pending?.version) throw unknownPos();
  connection.confirmed = { version, state: applyChange(confirmed.state, pending.change) };
  connection.pending = undefined;
  return version;
}

function unknownPos(): MatrixError {
  const text = '"pos" is none that this server knows of this connection. Leave it out to start from the beginning.';
  return new MatrixError('M_UNKNOWN_POS', text);
}

/** The vector alone does not tell: more of a room may have been asked for where nothing happened. */
function isSamePlace(one: GivenPlace | undefined, { version, vector }: GivenPlace): boolean {
  if (one?.version !== version || one.vector.size !== vector.size) return false;
  return [...vector].every(([writer, position]) => one.vector.get(writer) === position);
}
