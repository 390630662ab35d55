import { type TProperties, Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';
import { recordOf } from './record-schema.ts';
import { slidingSyncExtensions } from './sliding-sync-extensions.ts';

/** Most lists of one request, as MSC4186 has it, and rooms subscribed to in one. */
const MAX_LISTS = 100;
const MAX_SUBSCRIPTIONS = 500;
/** Most windows of one list, and entries of each other list of a request. */
const MAX_RANGES = 100;
const MAX_ENTRIES = 200;
/** Names of lists and connections, event types, state keys, room IDs: longer ones name nothing. */
const MAX_TEXT_LENGTH = 255;

const text = Type.String({ maxLength: MAX_TEXT_LENGTH });
const index = Type.Integer({ minimum: 0 });
const range = Type.Array(index, { minItems: 2, maxItems: 2 });
const texts = Type.Array(text, { maxItems: MAX_ENTRIES });
const roomTypes = Type.Array(Type.Union([text, Type.Null()]), { maxItems: MAX_ENTRIES });
const elements = Type.Array(Type.Object({ type: Type.Optional(text), state_key: Type.Optional(text) }), {
  maxItems: MAX_ENTRIES,
});

const roomRule = {
  /** Most events of the timeline. */
  timeline_limit: Type.Optional(index),
  /** As clients send it, pairs of type and state key with `*`, `$ME` and `$LAZY`; or as the proposal has it. */
  required_state: Type.Optional(
    Type.Union([
      Type.Array(Type.Array(text, { minItems: 2, maxItems: 2 }), { maxItems: MAX_ENTRIES }),
      Type.Object({
        include: Type.Optional(elements),
        exclude: Type.Optional(elements),
        lazy_members: Type.Optional(Type.Boolean()),
      }),
    ]),
  ),
};

const filters = Type.Object({
  is_dm: Type.Optional(Type.Boolean()),
  spaces: Type.Optional(texts),
  is_encrypted: Type.Optional(Type.Boolean()),
  is_invite: Type.Optional(Type.Boolean()),
  is_invited: Type.Optional(Type.Boolean()),
  room_types: Type.Optional(roomTypes),
  not_room_types: Type.Optional(roomTypes),
  tags: Type.Optional(texts),
  not_tags: Type.Optional(texts),
  room_name_like: Type.Optional(text),
});

const list = Type.Object({
  ...roomRule,
  ranges: Type.Optional(Type.Array(range, { maxItems: MAX_RANGES })),
  range: Type.Optional(range),
  filters: Type.Optional(filters),
});

const setPresence = Type.Union([Type.Literal('offline'), Type.Literal('online'), Type.Literal('unavailable')]);

/** Clients put these into the query, the proposal has them in the body. */
const place = {
  pos: Type.Optional(Type.String()),
  /** Milliseconds. */
  timeout: Type.Optional(index),
  set_presence: Type.Optional(setPresence),
};

/** An object with so many keys at most. */
function someOf<Properties extends TProperties>(value: ReturnType<typeof Type.Object<Properties>>, most: number) {
  return { ...recordOf(value), maxProperties: most };
}

/** MSC4186, "Simplified sliding sync", under the name that today's clients call. */
export const slidingSyncEndpoint = defineEndpoint({
  method: 'POST',
  path: '/_matrix/client/unstable/org.matrix.simplified_msc3575/sync',
  authentication: 'access token',
  summary: 'What is new in the rooms that the client looks at',
  query: Type.Object(place),
  body: Type.Object({
    ...place,
    conn_id: Type.Optional(text),
    txn_id: Type.Optional(text),
    lists: Type.Optional(someOf(list, MAX_LISTS)),
    room_subscriptions: Type.Optional(someOf(Type.Object(roomRule), MAX_SUBSCRIPTIONS)),
    unsubscribe_rooms: Type.Optional(Type.Array(text, { maxItems: MAX_SUBSCRIPTIONS })),
    extensions: Type.Optional(slidingSyncExtensions),
  }),
  response: anyJsonObject,
});
