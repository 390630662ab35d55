import { MatrixError } from '@limpet/protocol/matrix-error';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../../platform/clock.ts';
import {
  type ConnectionRow,
  deleteConnectionsBeyond,
  deleteConnectionsBeyondBytes,
  deleteSameConnection,
  deleteVersions,
  deleteVersionsBeyond,
  deleteVersionsBeyondBytes,
  deleteVersionsOfSame,
  insertConnection,
  insertVersion,
  selectConnection,
  selectVersions,
  updateConnectionUse,
} from '../../../storage/queries/sliding-sync.ts';
import { ExpectationFailed, type RowsToCome, type Storage, type WriteTransaction } from '../../../storage/storage.ts';
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
/**
 * What the versions of a user's connections take together, counted in steps; beyond that those end, too, that were not
 * used for longest. Enough for MAX_CONNECTIONS_OF_USER that take a step each.
 */
const MAX_BYTES_OF_USER = 16_777_216;
const BYTES_STEP = 65_536;
/** The text of connections that are kept in memory; the others are read when they are used again. */
const MAX_KEPT_BYTES = 67_108_864;
/** Versions kept as changes before the whole is written anew. */
const MAX_VERSIONS = 64;
/** So is it when they take more than the whole, and more than this. */
const MIN_CHANGE_BYTES = 16_384;
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
  pending: { readonly version: number; readonly change: StateChange; readonly bytes: number } | undefined;
  lastVersion: number;
  /** The rows that make `confirmed`. */
  rows: KeptRows;
  /** What its row says that it takes. */
  notedBytes: number;
  lastUsedTs: number;
  /** Ends the request that is under way. */
  supersede: () => void;
  /** The lists of the last request, as text; `undefined` when that is not known any more. */
  lists: string | undefined;
}

interface KeptRows {
  readonly count: number;
  /** Of the first one. */
  readonly wholeBytes: number;
  /** Of the others together. */
  readonly changeBytes: number;
}

const NO_ROWS: KeptRows = { count: 0, wholeBytes: 0, changeBytes: 0 };

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
  readonly #maxBytesOfUser: number;
  readonly #kept = new LRUCache<number, Connection>({
    maxSize: MAX_KEPT_BYTES,
    sizeCalculation: (connection) => bytesOf(connection) + (connection.lists?.length ?? 0) + 1,
  });

  #met = 0;

  constructor(storage: Storage, clock: Clock, maxBytesOfUser = MAX_BYTES_OF_USER) {
    this.#storage = storage;
    this.#clock = clock;
    this.#maxBytesOfUser = maxBytesOfUser;
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
    const json = formatStateChange(change);
    connection.lastVersion = version;
    connection.pending = { version, change, bytes: Buffer.byteLength(json) };
    try {
      const ended = connection.nid === 0 ? await this.#insert(connection, json) : await this.#append(connection, json);
      for (const connectionNid of ended) this.#end(connectionNid);
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
        rows: NO_ROWS,
        notedBytes: 0,
      },
      ...{ lastUsedTs: this.#clock.nowMs(), supersede: () => {}, lists: undefined, given: undefined },
    };
    return { connection, version: 0, state: NEW_CONNECTION, since: undefined };
  }

  /** Gives the connections that ended. */
  async #insert(connection: Connection, json: string): Promise<number[]> {
    const { userId, deviceId, connId, lastUsedTs, lastVersion: version } = connection;
    const key = { userId, deviceId, connId };
    const beyond = { userId, most: MAX_CONNECTIONS_OF_USER };
    const bytes = inSteps(bytesOf(connection));
    const committed = await this.#storage.write((transaction) => {
      const connectionNid = transaction.allocate();
      transaction.run(deleteVersionsOfSame, key);
      const same = transaction.fetch(deleteSameConnection, key);
      transaction.run(insertConnection, { connectionNid, ...key, lastUsedTs, bytes });
      transaction.run(insertVersion, { connectionNid, version, json });
      transaction.run(deleteVersionsBeyond, beyond);
      const dropped = transaction.fetch(deleteConnectionsBeyond, beyond);
      const large = this.#makeRoom(transaction, { userId, connectionNid, bytes });
      return { connectionNid, ended: [same, dropped, large] };
    });
    const { connectionNid, ended } = committed.value;
    connection.nid = connectionNid;
    connection.notedBytes = bytes;
    return ended.flatMap((rows) => committed.rows(rows)).map((row) => row.connection_nid);
  }

  /** Ends connections of the user so that this one, which takes so much, stays within what all may take. */
  #makeRoom(
    transaction: WriteTransaction,
    { userId, connectionNid, bytes }: { userId: string; connectionNid: number; bytes: number },
  ): RowsToCome<{ connection_nid: number }> {
    const beyond = { userId, connectionNid, mostBytes: Math.max(0, this.#maxBytesOfUser - bytes) };
    transaction.run(deleteVersionsBeyondBytes, beyond);
    return transaction.fetch(deleteConnectionsBeyondBytes, beyond);
  }

  /** Who waits on it is answered: nobody comes back for what he would be told. */
  #end(connectionNid: number): void {
    this.#kept.get(connectionNid)?.supersede();
    this.#kept.delete(connectionNid);
  }

  /** Gives the connections that ended. */
  async #append(connection: Connection, json: string): Promise<number[]> {
    const committed = await this.#storage.write((transaction) => this.#writeNext(transaction, connection, json));
    return committed.value === undefined ? [] : committed.rows(committed.value).map((row) => row.connection_nid);
  }

  #writeNext(
    transaction: WriteTransaction,
    connection: Connection,
    json: string,
  ): RowsToCome<{ connection_nid: number }> | undefined {
    const { nid: connectionNid, userId, confirmed, rows, lastVersion: version } = connection;
    const whole = isToBeWhole(rows) ? formatStateChange(wholeChange(confirmed.state)) : undefined;
    if (whole !== undefined) {
      connection.rows = { count: 1, wholeBytes: Buffer.byteLength(whole), changeBytes: 0 };
    }
    const bytes = inSteps(bytesOf(connection));
    const isLarger = bytes > connection.notedBytes;
    connection.notedBytes = bytes;
    // Else versions would be left that are of no connection.
    const use = { connectionNid, lastUsedTs: connection.lastUsedTs, bytes };
    transaction.expect(updateConnectionUse, use, 'the connection is there');
    // An answer that the client did not get is out of the world.
    transaction.run(deleteVersions, { connectionNid, from: confirmed.version + 1, upTo: version });
    if (whole !== undefined) {
      transaction.run(deleteVersions, { connectionNid, from: 0, upTo: confirmed.version });
      transaction.run(insertVersion, { connectionNid, version: confirmed.version, json: whole });
    }
    transaction.run(insertVersion, { connectionNid, version, json });
    return isLarger ? this.#makeRoom(transaction, { userId, connectionNid, bytes }) : undefined;
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
    const use = { connectionNid: connection.nid, lastUsedTs: nowMs, bytes: connection.notedBytes };
    await this.#storage.write((transaction) => transaction.run(updateConnectionUse, use));
  }
}

interface VersionRow {
  readonly version: number;
  readonly json: string;
}

function readConnection(row: ConnectionRow, before: readonly VersionRow[], last: VersionRow): Omit<Connection, 'name'> {
  let state = NEW_CONNECTION;
  let rows = NO_ROWS;
  for (const { json } of before) {
    state = applyChange(state, readStateChange(json));
    rows = withRow(rows, Buffer.byteLength(json));
  }
  return {
    nid: row.connection_nid,
    ...keyOf(row),
    confirmed: { version: before.at(-1)?.version ?? 0, state },
    pending: { version: last.version, change: readStateChange(last.json), bytes: Buffer.byteLength(last.json) },
    lastVersion: last.version,
    rows,
    notedBytes: row.bytes,
    lastUsedTs: row.last_used_ts,
    supersede: () => {},
    lists: undefined,
    given: undefined,
  };
}

function withRow({ count, wholeBytes, changeBytes }: KeptRows, bytes: number): KeptRows {
  if (count === 0) return { count: 1, wholeBytes: bytes, changeBytes: 0 };
  return { count: count + 1, wholeBytes, changeBytes: changeBytes + bytes };
}

/** With one more there would be too many, or they take more than they stand for. */
function isToBeWhole({ count, wholeBytes, changeBytes }: KeptRows): boolean {
  return count >= MAX_VERSIONS || changeBytes > Math.max(wholeBytes, MIN_CHANGE_BYTES);
}

function bytesOf({ rows, pending }: Connection): number {
  return rows.wholeBytes + rows.changeBytes + (pending?.bytes ?? 0);
}

function inSteps(bytes: number): number {
  return Math.ceil(bytes / BYTES_STEP) * BYTES_STEP;
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
  connection.rows = withRow(connection.rows, pending.bytes);
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
