import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Receipts". */
export const sendReceipt = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/rooms/{roomId}/receipt/{receiptType}/{eventId}'),
  authentication: 'access token',
  summary: 'Say how far the user has read',
  pathParameters: Type.Object({
    roomId: Type.String(),
    receiptType: Type.Union([Type.Literal('m.read'), Type.Literal('m.read.private'), Type.Literal('m.fully_read')]),
    eventId: Type.String(),
  }),
  // A bad thread_id has an errcode of its own.
  body: Type.Object({ thread_id: Type.Optional(Type.Unknown()) }),
  response: emptyObject,
});

/** Specification: client-server API, "Fully read markers". */
export const setReadMarkers = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/rooms/{roomId}/read_markers'),
  authentication: 'access token',
  summary: 'Say how far the user has read, in several ways at once',
  body: Type.Object({
    'm.fully_read': Type.Optional(Type.String()),
    'm.read': Type.Optional(Type.String()),
    'm.read.private': Type.Optional(Type.String()),
  }),
  response: emptyObject,
});
