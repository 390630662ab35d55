import { isLongerThan } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import {
  advanceNewestVersion,
  countBackups,
  deleteDeletedBackups,
  deleteKeysOfDeletedBackups,
  insertBackup,
  type KeyBackupRow,
  selectBackup,
  selectNewestBackup,
  selectNewestVersion,
  updateBackupAuthData,
  updateBackupDeleted,
} from '../../storage/queries/key-backups.ts';
import { RowSweeper } from '../../storage/row-sweeper.ts';
import { ExpectationFailed, type Storage } from '../../storage/storage.ts';

/** Backups that a user may have at once. Clients delete the old one when they make a new one. */
const MAX_BACKUPS_PER_USER = 100;
/** Largest `auth_data`: a key with its signatures, one of each device. Today's have some 500 bytes. */
const MAX_AUTH_DATA_BYTES = 65_536;
const MAX_ALGORITHM_BYTES = 255;
/** How often the keys of deleted backups are looked for; then they go a few hundred at a time. */
const SWEEP_EVERY_MS = 10 * 60_000;

const NEWEST_EXPECTATION = 'the version is the next one';
const THERE_EXPECTATION = 'the backup is there';

/** What says how keys are encrypted. Specification: client-server API, "Server-side key backups". */
export interface BackupMethod {
  readonly algorithm: string;
  readonly authData: JsonObject;
}

/** A backup, without its keys. */
export interface KeyBackup extends BackupMethod {
  readonly nid: number;
  /** Numbers count up for each user, and none is used twice. */
  readonly version: string;
  /** How often its keys were changed; with `keyCount` kept along, so that nobody has to count them. */
  readonly etag: number;
  readonly keyCount: number;
}

/** The versions of users' key backups. Specification: client-server API, `/room_keys/version`. */
export class KeyBackups {
  readonly #storage: Storage;
  readonly #sweeper: RowSweeper;

  constructor({ storage, platform }: { readonly storage: Storage; readonly platform: Platform }) {
    this.#storage = storage;
    this.#sweeper = new RowSweeper({
      platform,
      storage,
      rows: 'keys of deleted backups',
      everyMs: SWEEP_EVERY_MS,
      remove: (transaction, _nowMs, limit) => {
        transaction.run(deleteDeletedBackups, {});
        return transaction.fetch(deleteKeysOfDeletedBackups, { limit });
      },
    });
  }

  start(): void {
    this.#sweeper.start();
  }

  async stop(): Promise<void> {
    await this.#sweeper.stop();
  }

  /**
   * Makes a new backup, the current one from now on; gives its version. Throws M_TOO_LARGE for too large `authData` and
   * for too many backups.
   */
  async create(userId: string, method: BackupMethod): Promise<string> {
    const authDataJson = authDataText(method);
    const [counted] = await this.#storage.read(countBackups, { userId });
    if ((counted?.count ?? 0) >= MAX_BACKUPS_PER_USER) {
      throw new MatrixError('M_TOO_LARGE', `You have ${MAX_BACKUPS_PER_USER} backups. Delete old ones first.`);
    }
    const [newest] = await this.#storage.read(selectNewestVersion, { userId });
    const version = (newest?.newest ?? 0) + 1;
    const { algorithm } = method;
    const writing = this.#storage.write((transaction) => {
      transaction.expect(advanceNewestVersion, { userId, newest: version }, NEWEST_EXPECTATION);
      const backupNid = transaction.allocate();
      transaction.run(insertBackup, { backupNid, userId, version, algorithm, authDataJson, isDeleted: 0 });
    });
    await writing.catch((error) => {
      if (!(error instanceof ExpectationFailed) || error.expectation !== NEWEST_EXPECTATION) throw error;
      throw limitExceeded('Another backup was made a moment ago. Look at it before you make one more.');
    });
    return String(version);
  }

  /** The newest backup. Throws M_NOT_FOUND where the user has none. */
  async current(userId: string): Promise<KeyBackup> {
    const [row] = await this.#storage.read(selectNewestBackup, { userId });
    if (row === undefined) throw new MatrixError('M_NOT_FOUND', 'You have no key backup.');
    return backupOf(row);
  }

  /** Throws M_NOT_FOUND. */
  async get(userId: string, version: string): Promise<KeyBackup> {
    const number = numberOf(version);
    const [row] = number === undefined ? [] : await this.#storage.read(selectBackup, { userId, version: number });
    if (row === undefined) throw unknownVersion();
    return backupOf(row);
  }

  /** Only `authData` can change. Throws M_NOT_FOUND, M_INVALID_PARAM for another algorithm, M_TOO_LARGE. */
  async update(userId: string, version: string, method: BackupMethod): Promise<void> {
    const backup = await this.get(userId, version);
    if (backup.algorithm !== method.algorithm) {
      throw new MatrixError('M_INVALID_PARAM', `The algorithm of this backup is ${backup.algorithm} and stays so.`);
    }
    const row = { userId, version: Number(backup.version), authDataJson: authDataText(method) };
    const writing = this.#storage.write((transaction) =>
      transaction.expect(updateBackupAuthData, row, THERE_EXPECTATION),
    );
    await writing.catch((error) => {
      throw error instanceof ExpectationFailed ? unknownVersion() : error;
    });
  }

  /** Its keys go with it, in the background. Once more does no harm; throws M_NOT_FOUND for one that never was. */
  async delete(userId: string, version: string): Promise<void> {
    const number = numberOf(version);
    const [newest] = await this.#storage.read(selectNewestVersion, { userId });
    if (number === undefined || number > (newest?.newest ?? 0)) throw unknownVersion();
    await this.#storage.write((transaction) => transaction.run(updateBackupDeleted, { userId, version: number }));
  }
}

function backupOf(row: KeyBackupRow): KeyBackup {
  return {
    nid: row.backup_nid,
    version: String(row.version),
    algorithm: row.algorithm,
    authData: JSON.parse(row.auth_data_json),
    etag: row.etag,
    keyCount: row.key_count,
  };
}

function authDataText({ algorithm, authData }: BackupMethod): string {
  if (isLongerThan(algorithm, MAX_ALGORITHM_BYTES)) {
    throw new MatrixError('M_TOO_LARGE', `"algorithm" may have ${MAX_ALGORITHM_BYTES} bytes at most.`);
  }
  const json = JSON.stringify(authData);
  if (isLongerThan(json, MAX_AUTH_DATA_BYTES)) {
    throw new MatrixError('M_TOO_LARGE', `"auth_data" may have ${MAX_AUTH_DATA_BYTES} bytes at most.`);
  }
  return json;
}

/** As we write it: no other text is a version. */
function numberOf(version: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(version) ? Number(version) : undefined;
}

function unknownVersion(): MatrixError {
  return new MatrixError('M_NOT_FOUND', 'You have no key backup of this version.');
}
