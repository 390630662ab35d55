import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { recordOf } from './record-schema.ts';
import { transactionId } from './transaction-id-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Send-to-Device messaging". */
export const sendToDevice = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/sendToDevice/{eventType}/{txnId}'),
  authentication: 'access token',
  summary: 'Send messages to devices',
  pathParameters: Type.Object({ eventType: Type.String(), txnId: transactionId }),
  body: Type.Object({
    /** By user, by device or `*`. */
    messages: recordOf(recordOf(anyJsonObject)),
  }),
  response: emptyObject,
});
