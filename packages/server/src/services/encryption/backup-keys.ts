import { isLongerThan, MAX_IDENTIFIER_BYTES, parseRoomId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import {
  advanceBackup,
  type BackupKeyRank,
  type BackupKeyRow,
  countBackupKeysOfRoom,
  deleteBackupKey,
  deleteBackupKeysOfRoom,
  insertBackup,
  selectBackupKey,
  selectBackupKeyRanks,
  selectBackupKeys,
  selectBackupKeysOfRoom,
  updateBackupNid,
  upsertBackupKey,
} from '../../storage/queries/key-backups.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import { isBetterKey, type KeyRank } from './is-better-key.ts';
import type { KeyBackup, KeyBackups } from './key-backups.ts';

/** Keys that one request may bring; clients send 100 to 200. */
const MAX_KEYS_PER_REQUEST = 2_000;
/** Rooms that one request may bring keys of. */
const MAX_ROOMS_PER_REQUEST = 500;
/** Largest encrypted key; today's have some 1,000 bytes. */
const MAX_SESSION_DATA_BYTES = 16_384;
/** Keys in one backup. */
const MAX_KEYS_PER_BACKUP = 1_000_000;
/** Keys that are read at once. */
const KEYS_PER_PAGE = 500;
/** How often a request is looked at again when another one of the same backup comes between. */
const MAX_ATTEMPTS = 10;

const KNOWN_EXPECTATION = 'the backup is as it was known';

/** A key to back up. */
export interface KeyToBackUp extends KeyRank {
  readonly roomId: string;
  readonly sessionId: string;
  /** Encrypted; only the user's devices can read it. */
  readonly sessionData: JsonObject;
}

export interface BackedUpKey {
  readonly roomId: string;
  readonly sessionId: string;
  /** The text of JSON. */
  readonly json: string;
}

/** Which keys a request is about: all, or those of a room, or one. */
export interface KeySelection {
  readonly roomId?: string;
  readonly sessionId?: string;
}

export type BackupState = Pick<KeyBackup, 'etag' | 'keyCount'>;

/** The keys in users' backups. Specification: client-server API, `/room_keys/keys`. */
export class BackupKeys {
  readonly #storage: Storage;
  readonly #backups: KeyBackups;

  constructor(storage: Storage, backups: KeyBackups) {
    this.#storage = storage;
    this.#backups = backups;
  }

  /**
   * Keeps those of the keys that are better than what is there. Throws M_NOT_FOUND where the user has no backup;
   * M_WRONG_ROOM_KEYS_VERSION where it is not the current one, which `current_version` tells; M_INVALID_PARAM for what
   * is no room ID or session ID; M_TOO_LARGE for too many keys, or too large ones.
   */
  async put(userId: string, version: string, keys: readonly KeyToBackUp[]): Promise<BackupState> {
    checkKeys(keys);
    return this.#change(
      () => this.#current(userId, version),
      async (backup) => {
        const { better, newCount } = await this.#compare(backup, keys);
        if (better.length === 0) return undefined;
        const keyCount = backup.keyCount + newCount;
        if (keyCount > MAX_KEYS_PER_BACKUP) {
          throw new MatrixError('M_TOO_LARGE', `A backup may have ${MAX_KEYS_PER_BACKUP} keys. Make a new one.`);
        }
        return { keyCount, write: (transaction) => writeKeys(transaction, backup.nid, better) };
      },
    );
  }

  /** One key. Throws M_NOT_FOUND where it is not there. */
  async get(userId: string, version: string, key: Required<KeySelection>): Promise<BackedUpKey> {
    const { nid: backupNid } = await this.#backups.get(userId, version);
    const [row] = await this.#storage.read(selectBackupKey, { backupNid, ...key });
    if (row === undefined) throw new MatrixError('M_NOT_FOUND', 'This backup has no key of this session.');
    return keyOf(row);
  }

  /**
   * All keys, or those of a room, some at a time and in the order of their rooms: a backup may be larger than the
   * memory. Throws M_NOT_FOUND for a backup that is not there, before anything is read.
   */
  async pages(
    userId: string,
    version: string,
    { roomId }: Pick<KeySelection, 'roomId'>,
  ): Promise<AsyncIterable<readonly BackedUpKey[]>> {
    const { nid } = await this.#backups.get(userId, version);
    return this.#pages(nid, roomId);
  }

  /** Throws M_NOT_FOUND for a backup that is not there; keys that are not are passed over. */
  async delete(userId: string, version: string, which: KeySelection): Promise<BackupState> {
    return this.#change(
      () => this.#backups.get(userId, version),
      async (backup) => {
        const count = await this.#count(backup, which);
        if (count === 0) return undefined;
        const write = (transaction: WriteTransaction) => deleteKeys(transaction, { userId, backup, which });
        return { keyCount: backup.keyCount - count, write };
      },
    );
  }

  /** Reads, decides and writes, again when something came between. */
  async #change(
    find: () => Promise<KeyBackup>,
    decide: (backup: KeyBackup) => Promise<BackupChange | undefined>,
  ): Promise<BackupState> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const backup = await find();
      const change = await decide(backup);
      if (change === undefined) return backup;
      const { keyCount, write } = change;
      const writing = this.#storage.write((transaction) => {
        const known = { backupNid: backup.nid, known: backup.etag, keyCount };
        transaction.expect(advanceBackup, known, KNOWN_EXPECTATION);
        write(transaction);
      });
      if (await isWritten(writing)) return { etag: backup.etag + 1, keyCount };
    }
    throw limitExceeded('This backup is changed by several devices at once.');
  }

  async #current(userId: string, version: string): Promise<KeyBackup> {
    const current = await this.#backups.current(userId);
    if (current.version === version) return current;
    throw new MatrixError('M_WRONG_ROOM_KEYS_VERSION', `The current backup is version ${current.version}.`, {
      extra: { current_version: current.version },
    });
  }

  async #compare(
    backup: KeyBackup,
    keys: readonly KeyToBackUp[],
  ): Promise<{ better: readonly KeyToBackUp[]; newCount: number }> {
    const better: KeyToBackUp[] = [];
    let newCount = 0;
    for (const [roomId, ofRoom] of Map.groupBy(keys, (key) => key.roomId)) {
      const sessionIds = ofRoom.map(({ sessionId }) => sessionId);
      const rows = await this.#storage.read(selectBackupKeyRanks, { backupNid: backup.nid, roomId, sessionIds });
      const known = new Map(rows.map((row) => [row.session_id, rankOf(row)]));
      for (const key of ofRoom) {
        const before = known.get(key.sessionId);
        if (before === undefined) newCount++;
        if (before === undefined || isBetterKey(key, before)) better.push(key);
      }
    }
    return { better, newCount };
  }

  async #count({ nid: backupNid, keyCount }: KeyBackup, { roomId, sessionId }: KeySelection): Promise<number> {
    if (roomId === undefined) return keyCount;
    if (sessionId !== undefined) {
      return (await this.#storage.read(selectBackupKey, { backupNid, roomId, sessionId })).length;
    }
    const [counted] = await this.#storage.read(countBackupKeysOfRoom, { backupNid, roomId });
    return counted?.count ?? 0;
  }

  async *#pages(backupNid: number, roomId: string | undefined): AsyncGenerator<readonly BackedUpKey[]> {
    const limit = KEYS_PER_PAGE;
    let last: { room_id: string; session_id: string } | undefined = { room_id: '', session_id: '' };
    while (last !== undefined) {
      const { room_id: afterRoomId, session_id: afterSessionId }: { room_id: string; session_id: string } = last;
      const rows: BackupKeyRow[] =
        roomId === undefined
          ? await this.#storage.read(selectBackupKeys, { backupNid, afterRoomId, afterSessionId, limit })
          : await this.#storage.read(selectBackupKeysOfRoom, { backupNid, roomId, afterSessionId, limit });
      if (rows.length > 0) yield rows.map(keyOf);
      last = rows.length < limit ? undefined : rows.at(-1);
    }
  }
}

interface BackupChange {
  readonly keyCount: number;
  readonly write: (transaction: WriteTransaction) => void;
}

async function isWritten(writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing;
    return true;
  } catch (error) {
    if (error instanceof ExpectationFailed && error.expectation === KNOWN_EXPECTATION) return false;
    throw error;
  }
}

function checkKeys(keys: readonly KeyToBackUp[]): void {
  if (keys.length > MAX_KEYS_PER_REQUEST) {
    throw new MatrixError('M_TOO_LARGE', `One request may bring ${MAX_KEYS_PER_REQUEST} keys.`);
  }
  const roomIds = new Set(keys.map(({ roomId }) => roomId));
  if (roomIds.size > MAX_ROOMS_PER_REQUEST) {
    throw new MatrixError('M_TOO_LARGE', `One request may bring keys of ${MAX_ROOMS_PER_REQUEST} rooms.`);
  }
  for (const roomId of roomIds) parseRoomId(roomId);
  for (const { sessionId, sessionData } of keys) {
    if (sessionId === '' || isLongerThan(sessionId, MAX_IDENTIFIER_BYTES)) {
      throw new MatrixError('M_INVALID_PARAM', `A session ID has 1 to ${MAX_IDENTIFIER_BYTES} bytes.`);
    }
    if (isLongerThan(JSON.stringify(sessionData), MAX_SESSION_DATA_BYTES)) {
      throw new MatrixError('M_TOO_LARGE', `"session_data" may have ${MAX_SESSION_DATA_BYTES} bytes at most.`);
    }
  }
}

function writeKeys(transaction: WriteTransaction, backupNid: number, keys: readonly KeyToBackUp[]): void {
  for (const { isVerified, sessionData, ...key } of keys) {
    const row = { isVerified: isVerified ? 1 : 0, sessionDataJson: JSON.stringify(sessionData) };
    transaction.run(upsertBackupKey, { backupNid, ...key, ...row });
  }
}

/** All keys together are not removed one by one: the backup leaves them behind, as those of one that was deleted. */
function deleteKeys(
  transaction: WriteTransaction,
  { userId, backup, which }: { userId: string; backup: KeyBackup; which: KeySelection },
): void {
  const { roomId, sessionId } = which;
  const backupNid = backup.nid;
  if (roomId === undefined) {
    transaction.run(updateBackupNid, { backupNid, newNid: transaction.allocate() });
    const rest = { algorithm: '', authDataJson: '{}', isDeleted: 1 };
    transaction.run(insertBackup, { backupNid, userId, version: -backupNid, ...rest });
  } else if (sessionId === undefined) transaction.run(deleteBackupKeysOfRoom, { backupNid, roomId });
  else transaction.run(deleteBackupKey, { backupNid, roomId, sessionId });
}

function rankOf(row: BackupKeyRank): KeyRank {
  return {
    isVerified: row.is_verified === 1,
    firstMessageIndex: row.first_message_index,
    forwardedCount: row.forwarded_count,
  };
}

function keyOf(row: BackupKeyRow): BackedUpKey {
  const { room_id: roomId, session_id: sessionId, session_data_json: sessionData } = row;
  const { isVerified, firstMessageIndex, forwardedCount } = rankOf(row);
  const rank = JSON.stringify({
    first_message_index: firstMessageIndex,
    forwarded_count: forwardedCount,
    is_verified: isVerified,
  });
  return { roomId, sessionId, json: `${rank.slice(0, -1)},"session_data":${sessionData}}` };
}
