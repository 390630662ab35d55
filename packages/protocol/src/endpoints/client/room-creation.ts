import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

const text = Type.Optional(Type.String());

/** Specification: client-server API, "Creation". */
export const createRoom = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/createRoom'),
  authentication: 'access token',
  summary: 'Make a room',
  body: Type.Object({
    visibility: Type.Optional(Type.Union([Type.Literal('public'), Type.Literal('private')])),
    room_alias_name: text,
    name: text,
    topic: text,
    invite: Type.Optional(Type.Array(Type.String())),
    invite_3pid: Type.Optional(Type.Array(anyJsonObject)),
    room_version: text,
    creation_content: Type.Optional(anyJsonObject),
    initial_state: Type.Optional(
      Type.Array(Type.Object({ type: Type.String(), state_key: text, content: anyJsonObject })),
    ),
    preset: Type.Optional(
      Type.Union([Type.Literal('private_chat'), Type.Literal('public_chat'), Type.Literal('trusted_private_chat')]),
    ),
    is_direct: Type.Optional(Type.Boolean()),
    power_level_content_override: Type.Optional(anyJsonObject),
  }),
  response: Type.Object({ room_id: Type.String() }),
});
