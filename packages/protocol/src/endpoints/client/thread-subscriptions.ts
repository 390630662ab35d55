import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { emptyObject } from './json-object-schema.ts';
import { recordOf } from './record-schema.ts';

/** Specification: MSC4306, which has unstable paths alone so far. */
const path = '/_matrix/client/unstable/io.element.msc4306/rooms/{roomId}/thread/{eventId}/subscription';

export const subscribeToThread = defineEndpoint({
  method: 'PUT',
  path,
  authentication: 'access token',
  summary: 'Follow a thread',
  body: Type.Object({
    /** The event that made the client do so by itself; left out where the user wanted it. */
    automatic: Type.Optional(Type.String()),
  }),
  response: emptyObject,
});

export const unsubscribeFromThread = defineEndpoint({
  method: 'DELETE',
  path,
  authentication: 'access token',
  summary: 'Follow a thread no longer',
  response: emptyObject,
});

export const getThreadSubscription = defineEndpoint({
  method: 'GET',
  path,
  authentication: 'access token',
  summary: 'Whether the user follows a thread',
  response: Type.Object({ automatic: Type.Boolean() }),
});

/** Specification: MSC4308. */
export const getThreadSubscriptions = defineEndpoint({
  method: 'GET',
  path: '/_matrix/client/unstable/io.element.msc4308/thread_subscriptions',
  authentication: 'access token',
  summary: 'Pages of how the subscriptions to threads changed',
  query: Type.Object({
    dir: Type.Literal('b'),
    from: Type.Optional(Type.String()),
    to: Type.Optional(Type.String()),
    /** A greater number than the server gives counts as that. */
    limit: Type.Optional(Type.Integer({ minimum: 1 })),
  }),
  response: Type.Object({
    subscribed: Type.Optional(
      recordOf(recordOf(Type.Object({ automatic: Type.Boolean(), bump_stamp: Type.Integer() }))),
    ),
    unsubscribed: Type.Optional(recordOf(recordOf(Type.Object({ bump_stamp: Type.Integer() })))),
    end: Type.Optional(Type.String()),
  }),
});
