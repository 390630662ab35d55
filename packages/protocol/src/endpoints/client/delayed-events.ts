import { STABLE_STICKY_NAMES, UNSTABLE_STICKY_NAMES } from '@limpet/sticky/sticky-names';
import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { transactionId } from './transaction-id-schema.ts';

/**
 * Specification: MSC4140, "Cancellable delayed events", and MSC4486, "Listing delayed events". What the stable and the
 * unstable paths answer differs where clients of today rely on the older drafts, so they are endpoints of their own.
 */

const UNSTABLE = '/_matrix/client/unstable/org.matrix.msc4140';

const schedulePath = Type.Object({ roomId: Type.String(), eventType: Type.String(), txnId: transactionId });
const stickyQuery = Type.Object({
  [STABLE_STICKY_NAMES.queryParameter]: Type.Optional(Type.String()),
  [UNSTABLE_STICKY_NAMES.queryParameter]: Type.Optional(Type.String()),
});
const scheduleBody = Type.Object({
  delay_ms: Type.Optional(Type.Integer({ minimum: 1 })),
  /** The older name. */
  delay: Type.Optional(Type.Integer({ minimum: 1 })),
  state_key: Type.Optional(Type.String()),
  content: anyJsonObject,
});
const scheduled = Type.Object({ delay_id: Type.String() });

export const scheduleDelayedEvent = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/client/v3/rooms/{roomId}/delayed_event/{eventType}/{txnId}',
  authentication: 'access token',
  summary: 'Send an event later',
  pathParameters: schedulePath,
  query: stickyQuery,
  body: scheduleBody,
  response: scheduled,
});

export const scheduleDelayedEventUnstable = defineEndpoint({
  method: 'PUT',
  path: `${UNSTABLE}/rooms/{roomId}/delayed_event/{eventType}/{txnId}`,
  authentication: 'access token',
  summary: 'Send an event later',
  pathParameters: schedulePath,
  query: stickyQuery,
  body: scheduleBody,
  response: scheduled,
});

const action = Type.Union([Type.Literal('restart'), Type.Literal('send'), Type.Literal('cancel')]);
const actionPath = Type.Object({ delayId: Type.String(), action });

/** Without a token only where the operator allows it. */
export const manageDelayedEvent = defineEndpoint({
  method: 'POST',
  path: '/_matrix/client/v1/delayed_events/{delayId}/{action}',
  authentication: 'optional access token',
  summary: 'Restart, send or cancel a delayed event',
  pathParameters: actionPath,
  response: emptyObject,
});

export const manageDelayedEventUnstable = defineEndpoint({
  method: 'POST',
  path: `${UNSTABLE}/delayed_events/{delayId}/{action}`,
  authentication: 'optional access token',
  summary: 'Restart, send or cancel a delayed event',
  pathParameters: actionPath,
  response: emptyObject,
});

/** As an older draft had it. */
export const manageDelayedEventByBody = defineEndpoint({
  method: 'POST',
  path: `${UNSTABLE}/delayed_events/{delayId}`,
  authentication: 'optional access token',
  summary: 'Restart, send or cancel a delayed event',
  body: Type.Object({ action }),
  response: emptyObject,
});

export const getDelayedEvent = defineEndpoint({
  method: 'GET',
  paths: ['/_matrix/client/v1/delayed_events/{delayId}', `${UNSTABLE}/delayed_events/{delayId}`],
  authentication: 'access token',
  summary: 'Look up a delayed event',
  response: anyJsonObject,
});

/** Instants of the wall clock in milliseconds. */
const timestamp = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));
const listFilter = {
  from: Type.Optional(Type.String()),
  dir: Type.Optional(Type.Union([Type.Literal('f'), Type.Literal('b')])),
  from_ts: timestamp,
  to_ts: timestamp,
  room_id: Type.Optional(Type.String()),
  type: Type.Optional(Type.String()),
};
/** `finalised` is what an older draft called the last three together. */
const status = Type.Optional(
  Type.Union([
    Type.Literal('scheduled'),
    Type.Literal('sent'),
    Type.Literal('cancelled'),
    Type.Literal('failed'),
    Type.Literal('finalised'),
  ]),
);
const listed = Type.Object({ delayed_events: Type.Array(anyJsonObject), next_batch: Type.Optional(Type.String()) });

export const listDelayedEvents = defineEndpoint({
  method: 'GET',
  paths: ['/_matrix/client/v1/delayed_events', '/_matrix/client/unstable/org.matrix.msc4486/delayed_events'],
  authentication: 'access token',
  summary: 'List delayed events',
  query: Type.Object({ ...listFilter, status }),
  response: listed,
});

/** With the lists of the older drafts beside. */
export const listDelayedEventsUnstable = defineEndpoint({
  method: 'GET',
  path: `${UNSTABLE}/delayed_events`,
  authentication: 'access token',
  summary: 'List delayed events',
  query: Type.Object({
    ...listFilter,
    status,
    delay_id: Type.Optional(Type.Array(Type.String(), { maxItems: 100 })),
  }),
  response: listed,
});
