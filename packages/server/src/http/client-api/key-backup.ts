import {
  createBackup,
  deleteBackup,
  deleteBackupKey,
  deleteBackupKeys,
  deleteBackupKeysOfRoom,
  getBackup,
  getBackupKey,
  getBackupKeys,
  getBackupKeysOfRoom,
  getCurrentBackup,
  putBackupKey,
  putBackupKeys,
  putBackupKeysOfRoom,
  updateBackup,
} from '@limpet/protocol/endpoints/client/key-backup';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { BackupState, KeyToBackUp } from '../../services/encryption/backup-keys.ts';
import type { Encryption } from '../../services/encryption/encryption.ts';
import type { KeyBackup } from '../../services/encryption/key-backups.ts';
import { backupKeysText, roomKeysText } from '../backup-keys-text.ts';
import { HttpAnswer } from '../http-answer.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';
import { StreamedBytes } from '../streamed-bytes.ts';

/** Largest request that brings keys: 2,000 of them and more, as large as today's. */
const KEYS = { bodyLimitBytes: 4 * 1_048_576 };

/** Specification: client-server API, "Server-side key backups". */
export function keyBackupRoutes({ encryption }: { readonly encryption: Encryption }): Route[] {
  return [...versionRoutes(encryption), ...writingRoutes(encryption), ...readingRoutes(encryption)];
}

function versionRoutes({ keyBackups }: Encryption): Route[] {
  return [
    route(createBackup, async ({ body, requester }) => ({
      version: await keyBackups.create(requester.userId, methodOf(body)),
    })),
    route(getCurrentBackup, async ({ requester }) => backupAnswer(await keyBackups.current(requester.userId))),
    route(getBackup, async ({ path, requester }) => backupAnswer(await keyBackups.get(requester.userId, path.version))),
    route(updateBackup, async ({ path, body, requester }) => {
      if (body.version !== undefined && body.version !== path.version) {
        throw new MatrixError('M_INVALID_PARAM', '"version" must be that of the path, or be left out.');
      }
      await keyBackups.update(requester.userId, path.version, methodOf(body));
      return {};
    }),
    route(deleteBackup, async ({ path, requester }) => {
      await keyBackups.delete(requester.userId, path.version);
      return {};
    }),
  ];
}

function writingRoutes({ backupKeys }: Encryption): Route[] {
  return [
    route(
      putBackupKeys,
      async ({ query, body, requester }) => {
        const keys = Object.entries(body.rooms).flatMap(([roomId, { sessions }]) => keysOf(roomId, sessions));
        return stateAnswer(await backupKeys.put(requester.userId, query.version, keys));
      },
      KEYS,
    ),
    route(
      putBackupKeysOfRoom,
      async ({ path, query, body, requester }) =>
        stateAnswer(await backupKeys.put(requester.userId, query.version, keysOf(path.roomId, body.sessions))),
      KEYS,
    ),
    route(putBackupKey, async ({ path, query, body, requester }) => {
      const keys = keysOf(path.roomId, { [path.sessionId]: body });
      return stateAnswer(await backupKeys.put(requester.userId, query.version, keys));
    }),
    route(deleteBackupKeys, async ({ query, requester }) =>
      stateAnswer(await backupKeys.delete(requester.userId, query.version, {})),
    ),
    route(deleteBackupKeysOfRoom, async ({ path, query, requester }) =>
      stateAnswer(await backupKeys.delete(requester.userId, query.version, path)),
    ),
    route(deleteBackupKey, async ({ path, query, requester }) =>
      stateAnswer(await backupKeys.delete(requester.userId, query.version, path)),
    ),
  ];
}

function readingRoutes({ backupKeys }: Encryption): Route[] {
  return [
    route(getBackupKeys, async ({ query, requester }) => {
      const pages = await backupKeys.pages(requester.userId, query.version, {});
      return streamed(() => backupKeysText(pages));
    }),
    route(getBackupKeysOfRoom, async ({ path, query, requester }) => {
      const pages = await backupKeys.pages(requester.userId, query.version, path);
      return streamed(() => roomKeysText(pages));
    }),
    route(getBackupKey, async ({ path, query, requester }) => {
      const { json } = await backupKeys.get(requester.userId, query.version, path);
      return new RawJson(json);
    }),
  ];
}

interface KeyData {
  readonly first_message_index: number;
  readonly forwarded_count: number;
  readonly is_verified: boolean;
  readonly session_data: JsonObject;
}

function keysOf(roomId: string, sessions: Readonly<Record<string, KeyData>>): KeyToBackUp[] {
  return Object.entries(sessions).map(([sessionId, key]) => ({
    roomId,
    sessionId,
    firstMessageIndex: key.first_message_index,
    forwardedCount: key.forwarded_count,
    isVerified: key.is_verified,
    sessionData: key.session_data,
  }));
}

function methodOf(body: { readonly algorithm: string; readonly auth_data: JsonObject }) {
  return { algorithm: body.algorithm, authData: body.auth_data };
}

function backupAnswer(backup: KeyBackup): JsonObject {
  const { algorithm, authData, version } = backup;
  return { algorithm, auth_data: authData, version, ...stateAnswer(backup) };
}

function stateAnswer({ etag, keyCount }: BackupState): JsonObject {
  return { etag: String(etag), count: keyCount };
}

function streamed(read: () => AsyncIterable<Uint8Array>): HttpAnswer {
  return new HttpAnswer(200, new StreamedBytes(undefined, read), { 'content-type': 'application/json' });
}
