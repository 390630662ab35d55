import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Longest search term, in characters. */
const MAX_TERM_LENGTH = 10_000;
/** Groupings that can be told apart are two. */
const MAX_GROUPINGS = 10;
const MAX_KEYS = 10;

const contextLimit = Type.Optional(Type.Integer({ minimum: 0 }));

const roomEvents = Type.Object({
  search_term: Type.String({ maxLength: MAX_TERM_LENGTH }),
  keys: Type.Optional(
    Type.Array(
      Type.Union([Type.Literal('content.body'), Type.Literal('content.name'), Type.Literal('content.topic')]),
      { maxItems: MAX_KEYS },
    ),
  ),
  /** A `RoomEventFilter`. */
  filter: Type.Optional(anyJsonObject),
  order_by: Type.Optional(Type.Union([Type.Literal('recent'), Type.Literal('rank')])),
  event_context: Type.Optional(
    Type.Object({
      before_limit: contextLimit,
      after_limit: contextLimit,
      include_profile: Type.Optional(Type.Boolean()),
    }),
  ),
  include_state: Type.Optional(Type.Boolean()),
  groupings: Type.Optional(
    Type.Object({
      group_by: Type.Optional(
        Type.Array(Type.Object({ key: Type.Union([Type.Literal('room_id'), Type.Literal('sender')]) }), {
          maxItems: MAX_GROUPINGS,
        }),
      ),
    }),
  ),
});

/** Specification: client-server API, "Server Side Search". */
export const postSearch = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/search'),
  authentication: 'access token',
  summary: 'Full-text search in the events that the user may see',
  query: Type.Object({ next_batch: Type.Optional(Type.String()) }),
  body: Type.Object({ search_categories: Type.Object({ room_events: Type.Optional(roomEvents) }) }),
  response: Type.Object({ search_categories: anyJsonObject }),
});
