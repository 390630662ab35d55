import { defineStatement } from '../statement.ts';

export interface KeyBackupRow {
  backup_nid: number;
  version: number;
  algorithm: string;
  auth_data_json: string;
  etag: number;
  key_count: number;
}

/** Of two keys for one session the better one is kept, by these. */
export interface BackupKeyRank {
  is_verified: number;
  first_message_index: number;
  forwarded_count: number;
}

export interface BackupKeyRow extends BackupKeyRank {
  room_id: string;
  session_id: string;
  session_data_json: string;
}

const BACKUP_COLUMNS = 'backup_nid, version, algorithm, auth_data_json, etag, key_count';
const KEY_COLUMNS = 'room_id, session_id, is_verified, first_message_index, forwarded_count, session_data_json';

export const selectNewestBackup = defineStatement<{ userId: string }, KeyBackupRow>(
  `select ${BACKUP_COLUMNS} from key_backups
   where user_id = :userId and is_deleted = 0 order by version desc limit 1`,
);

export const selectBackup = defineStatement<{ userId: string; version: number }, KeyBackupRow>(
  `select ${BACKUP_COLUMNS} from key_backups
   where user_id = :userId and version = :version and is_deleted = 0`,
);

export const countBackups = defineStatement<{ userId: string }, { count: number }>(
  'select count(*) as count from key_backups where user_id = :userId and is_deleted = 0',
);

/** The newest version that the user ever had. */
export const selectNewestVersion = defineStatement<{ userId: string }, { newest: number }>(
  'select newest from key_backup_versions where user_id = :userId',
);

/** Changes nothing where the version before is not the newest: to be run with `expect`. */
export const advanceNewestVersion = defineStatement<{ userId: string; newest: number }>(
  `insert into key_backup_versions (user_id, newest) values (:userId, :newest)
   on conflict (user_id) do update set newest = excluded.newest
   where key_backup_versions.newest = excluded.newest - 1`,
);

export const insertBackup = defineStatement<{
  backupNid: number;
  userId: string;
  version: number;
  algorithm: string;
  authDataJson: string;
  isDeleted: number;
}>(
  `insert into key_backups
     (backup_nid, user_id, version, algorithm, auth_data_json, etag, key_count, is_deleted)
   values (:backupNid, :userId, :version, :algorithm, :authDataJson, 0, 0, :isDeleted)`,
);

/** Changes nothing where there is no such backup: to be run with `expect`. */
export const updateBackupAuthData = defineStatement<{ userId: string; version: number; authDataJson: string }>(
  `update key_backups set auth_data_json = :authDataJson
   where user_id = :userId and version = :version and is_deleted = 0`,
);

export const updateBackupDeleted = defineStatement<{ userId: string; version: number }>(
  'update key_backups set is_deleted = 1 where user_id = :userId and version = :version',
);

export const updateAllBackupsDeleted = defineStatement<{ userId: string }>(
  'update key_backups set is_deleted = 1 where user_id = :userId',
);

/** Changes nothing where the backup was changed or deleted since it was read: to be run with `expect`. */
export const advanceBackup = defineStatement<{ backupNid: number; known: number; keyCount: number }>(
  `update key_backups set etag = etag + 1, key_count = :keyCount
   where backup_nid = :backupNid and etag = :known and is_deleted = 0`,
);

/** Gives the backup another number: without keys, and those that it had are nobody's. */
export const updateBackupNid = defineStatement<{ backupNid: number; newNid: number }>(
  'update key_backups set backup_nid = :newNid where backup_nid = :backupNid',
);

export const selectBackupKeyRanks = defineStatement<
  { backupNid: number; roomId: string; sessionIds: readonly string[] },
  BackupKeyRank & { session_id: string }
>(
  `select session_id, is_verified, first_message_index, forwarded_count from backup_keys
   where backup_nid = :backupNid and room_id = :roomId and session_id in (:...sessionIds)`,
);

export const upsertBackupKey = defineStatement<{
  backupNid: number;
  roomId: string;
  sessionId: string;
  isVerified: number;
  firstMessageIndex: number;
  forwardedCount: number;
  sessionDataJson: string;
}>(
  `insert into backup_keys (backup_nid, ${KEY_COLUMNS})
   values (:backupNid, :roomId, :sessionId, :isVerified, :firstMessageIndex, :forwardedCount, :sessionDataJson)
   on conflict (backup_nid, room_id, session_id) do update set
     is_verified = excluded.is_verified, first_message_index = excluded.first_message_index,
     forwarded_count = excluded.forwarded_count, session_data_json = excluded.session_data_json`,
);

export const selectBackupKey = defineStatement<{ backupNid: number; roomId: string; sessionId: string }, BackupKeyRow>(
  `select ${KEY_COLUMNS} from backup_keys
   where backup_nid = :backupNid and room_id = :roomId and session_id = :sessionId`,
);

/** Keys in the order of their rooms and sessions, some at a time. */
export const selectBackupKeys = defineStatement<
  { backupNid: number; afterRoomId: string; afterSessionId: string; limit: number },
  BackupKeyRow
>(
  `select ${KEY_COLUMNS} from backup_keys
   where backup_nid = :backupNid and (room_id, session_id) > (:afterRoomId, :afterSessionId)
   order by room_id, session_id limit :limit`,
);

export const selectBackupKeysOfRoom = defineStatement<
  { backupNid: number; roomId: string; afterSessionId: string; limit: number },
  BackupKeyRow
>(
  `select ${KEY_COLUMNS} from backup_keys
   where backup_nid = :backupNid and room_id = :roomId and session_id > :afterSessionId
   order by session_id limit :limit`,
);

export const countBackupKeysOfRoom = defineStatement<{ backupNid: number; roomId: string }, { count: number }>(
  'select count(*) as count from backup_keys where backup_nid = :backupNid and room_id = :roomId',
);

export const deleteBackupKey = defineStatement<{ backupNid: number; roomId: string; sessionId: string }>(
  'delete from backup_keys where backup_nid = :backupNid and room_id = :roomId and session_id = :sessionId',
);

export const deleteBackupKeysOfRoom = defineStatement<{ backupNid: number; roomId: string }>(
  'delete from backup_keys where backup_nid = :backupNid and room_id = :roomId',
);

/** Some keys of deleted backups. */
export const deleteKeysOfDeletedBackups = defineStatement<{ limit: number }, { backup_nid: number }>(
  `delete from backup_keys where (backup_nid, room_id, session_id) in
     (select keys.backup_nid, keys.room_id, keys.session_id from key_backups backups
      join backup_keys keys on keys.backup_nid = backups.backup_nid
      where backups.is_deleted = 1 limit :limit)
   returning backup_nid`,
);

/** Deleted backups whose keys are gone. */
export const deleteDeletedBackups = defineStatement<Record<string, never>>(
  `delete from key_backups where is_deleted = 1
   and not exists (select 1 from backup_keys where backup_keys.backup_nid = key_backups.backup_nid)`,
);
