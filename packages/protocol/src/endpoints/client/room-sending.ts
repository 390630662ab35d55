import { STABLE_STICKY_NAMES, UNSTABLE_STICKY_NAMES } from '@limpet/sticky/sticky-names';
import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';
import { transactionId } from './transaction-id-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Sending events to a room" and "Redactions"; MSC4354 for the sticky parameter. */

const sent = Type.Object({ event_id: Type.String() });
/** With a delay: MSC4140, the form of its older drafts. */
const sentOrScheduled = Type.Union([sent, Type.Object({ delay_id: Type.String() })]);
const delayQuery = { 'org.matrix.msc4140.delay': Type.Optional(Type.String()) };

/** Left as text, so that what is no integer can be refused in the words of the MSC, and ignored where it is off. */
const stickyDuration = Type.Optional(Type.String());

const stateQuery = Type.Object({ ...delayQuery, [UNSTABLE_STICKY_NAMES.queryParameter]: stickyDuration });

export const sendMessageEvent = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/rooms/{roomId}/send/{eventType}/{txnId}'),
  authentication: 'access token',
  summary: 'Send an event',
  pathParameters: Type.Object({ roomId: Type.String(), eventType: Type.String(), txnId: transactionId }),
  query: Type.Object({
    ...delayQuery,
    [STABLE_STICKY_NAMES.queryParameter]: stickyDuration,
    [UNSTABLE_STICKY_NAMES.queryParameter]: stickyDuration,
  }),
  body: anyJsonObject,
  response: sentOrScheduled,
});

export const setStateWithKey = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/rooms/{roomId}/state/{eventType}/{stateKey}'),
  authentication: 'access token',
  summary: 'Set one slot of the state of a room',
  query: stateQuery,
  body: anyJsonObject,
  response: sentOrScheduled,
});

export const setStateWithEmptyKey = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/rooms/{roomId}/state/{eventType}'),
  authentication: 'access token',
  summary: 'Set the slot with an empty key of the state of a room',
  query: stateQuery,
  body: anyJsonObject,
  response: sentOrScheduled,
});

export const redactEvent = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/rooms/{roomId}/redact/{eventId}/{txnId}'),
  authentication: 'access token',
  summary: 'Take the content of an event away',
  pathParameters: Type.Object({ roomId: Type.String(), eventId: Type.String(), txnId: transactionId }),
  body: Type.Object({ reason: Type.Optional(Type.String()) }),
  response: sent,
});
