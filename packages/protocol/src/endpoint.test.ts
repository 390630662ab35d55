import { Type } from 'typebox';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { defineEndpoint, type Endpoint, type EndpointInput, routePath } from './endpoint.ts';
import { getCapabilities } from './endpoints/client/capabilities.ts';
import { getVersions } from './endpoints/client/versions.ts';

const sendEvent = defineEndpoint({
  method: 'PUT',
  paths: ['/_matrix/client/v3/rooms/{roomId}/send/{eventType}', '/_matrix/client/r0/rooms/{roomId}/send/{eventType}'],
  authentication: 'access token',
  summary: 'Send an event',
  query: Type.Object({ ts: Type.Optional(Type.Integer()) }),
  body: Type.Object({ body: Type.String() }),
});

describe('defineEndpoint', () => {
  test('gives the handler its path, query and body with their types', () => {
    type Input = EndpointInput<typeof sendEvent>;
    expectTypeOf<Input['path']>().toEqualTypeOf<{ readonly roomId: string; readonly eventType: string }>();
    expectTypeOf<Input['query']['ts']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<Input['body']>().toEqualTypeOf<{ body: string }>();
    expectTypeOf<EndpointInput<typeof getVersions>['body']>().toEqualTypeOf<undefined>();
  });

  test('takes one path or several, and any endpoint fits the general type', () => {
    const endpoints: Endpoint[] = [sendEvent, getVersions, getCapabilities];
    expect(endpoints.map((endpoint) => endpoint.paths.length)).toEqual([2, 1, 2]);
  });

  test('refuses paths with different parameters', () => {
    expect(() =>
      defineEndpoint({
        method: 'GET',
        paths: ['/a/{roomId}', '/b/{userId}'],
        authentication: 'none',
        summary: 'Two things at once',
      }),
    ).toThrow('/b/{userId} has not the same parameters as /a/{roomId}.');
  });

  test('writes paths the way routers take them', () => {
    expect(sendEvent.paths.map(routePath)[0]).toBe('/_matrix/client/v3/rooms/:roomId/send/:eventType');
  });
});
