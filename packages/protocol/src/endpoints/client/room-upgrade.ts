import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Room upgrades". */
export const upgradeRoom = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/rooms/{roomId}/upgrade'),
  authentication: 'access token',
  summary: 'Replace a room by one of another version',
  body: Type.Object({
    new_version: Type.String(),
    additional_creators: Type.Optional(Type.Array(Type.String(), { maxItems: 1_000 })),
  }),
  response: Type.Object({ replacement_room: Type.String() }),
});
