import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';

/** The back-ends for calls that the server's operator offers. Specification: MSC4143, "Discovery of RTC transports". */
export const getRtcTransports = defineEndpoint({
  method: 'GET',
  paths: ['/_matrix/client/v1/rtc/transports', '/_matrix/client/unstable/org.matrix.msc4143/rtc/transports'],
  authentication: 'access token',
  summary: 'Back-ends for calls',
  response: Type.Object({
    rtc_transports: Type.Array(anyJsonObject),
    transports: Type.Array(anyJsonObject),
  }),
});
