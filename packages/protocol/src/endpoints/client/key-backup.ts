import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { recordOf } from './record-schema.ts';
import { v3AndUnstable } from './version-paths.ts';

const VERSION = v3AndUnstable('/room_keys/version/{version}');
const KEYS = v3AndUnstable('/room_keys/keys');
const KEYS_OF_ROOM = v3AndUnstable('/room_keys/keys/{roomId}');
const KEY = v3AndUnstable('/room_keys/keys/{roomId}/{sessionId}');

const method = { algorithm: Type.String(), auth_data: anyJsonObject };
const state = { etag: Type.String(), count: Type.Integer() };
const backup = Type.Object({ ...method, ...state, version: Type.String() });
/** Which backup the keys are of. */
const ofVersion = Type.Object({ version: Type.String() });
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const keyData = Type.Object({
  first_message_index: count,
  forwarded_count: count,
  is_verified: Type.Boolean(),
  session_data: anyJsonObject,
});
const keysOfRoom = Type.Object({ sessions: recordOf(keyData) });
const keysOfRooms = Type.Object({ rooms: recordOf(keysOfRoom) });

/** Specification: client-server API, "Server-side key backups". */
export const createBackup = defineEndpoint({
  method: 'POST',
  paths: v3AndUnstable('/room_keys/version'),
  authentication: 'access token',
  summary: 'Begin a key backup',
  body: Type.Object(method),
  response: Type.Object({ version: Type.String() }),
});

export const getCurrentBackup = defineEndpoint({
  method: 'GET',
  paths: v3AndUnstable('/room_keys/version'),
  authentication: 'access token',
  summary: 'The current key backup, without its keys',
  response: backup,
});

export const getBackup = defineEndpoint({
  method: 'GET',
  paths: VERSION,
  authentication: 'access token',
  summary: 'A key backup, without its keys',
  response: backup,
});

export const updateBackup = defineEndpoint({
  method: 'PUT',
  paths: VERSION,
  authentication: 'access token',
  summary: 'Change how a key backup is authenticated',
  body: Type.Object({ ...method, version: Type.Optional(Type.String()) }),
  response: emptyObject,
});

export const deleteBackup = defineEndpoint({
  method: 'DELETE',
  paths: VERSION,
  authentication: 'access token',
  summary: 'Delete a key backup with its keys',
  response: emptyObject,
});

export const putBackupKeys = defineEndpoint({
  method: 'PUT',
  paths: KEYS,
  authentication: 'access token',
  summary: 'Back up keys',
  query: ofVersion,
  body: keysOfRooms,
  response: Type.Object(state),
});

export const putBackupKeysOfRoom = defineEndpoint({
  method: 'PUT',
  paths: KEYS_OF_ROOM,
  authentication: 'access token',
  summary: 'Back up keys of a room',
  query: ofVersion,
  body: keysOfRoom,
  response: Type.Object(state),
});

export const putBackupKey = defineEndpoint({
  method: 'PUT',
  paths: KEY,
  authentication: 'access token',
  summary: 'Back up a key',
  query: ofVersion,
  body: keyData,
  response: Type.Object(state),
});

export const getBackupKeys = defineEndpoint({
  method: 'GET',
  paths: KEYS,
  authentication: 'access token',
  summary: 'All keys of a backup',
  query: ofVersion,
  response: keysOfRooms,
});

export const getBackupKeysOfRoom = defineEndpoint({
  method: 'GET',
  paths: KEYS_OF_ROOM,
  authentication: 'access token',
  summary: 'The backed-up keys of a room',
  query: ofVersion,
  response: keysOfRoom,
});

export const getBackupKey = defineEndpoint({
  method: 'GET',
  paths: KEY,
  authentication: 'access token',
  summary: 'A backed-up key',
  query: ofVersion,
  response: keyData,
});

export const deleteBackupKeys = defineEndpoint({
  method: 'DELETE',
  paths: KEYS,
  authentication: 'access token',
  summary: 'Delete all keys of a backup',
  query: ofVersion,
  response: Type.Object(state),
});

export const deleteBackupKeysOfRoom = defineEndpoint({
  method: 'DELETE',
  paths: KEYS_OF_ROOM,
  authentication: 'access token',
  summary: 'Delete the backed-up keys of a room',
  query: ofVersion,
  response: Type.Object(state),
});

export const deleteBackupKey = defineEndpoint({
  method: 'DELETE',
  paths: KEY,
  authentication: 'access token',
  summary: 'Delete a backed-up key',
  query: ofVersion,
  response: Type.Object(state),
});
