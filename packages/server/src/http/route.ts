import type { Endpoint, EndpointInput } from '@limpet/protocol/endpoint';
import type { JsonObject } from '@limpet/protocol/json';
import type { Requester } from './authenticate.ts';
import type { HttpAnswer } from './http-answer.ts';
import type { RawJson } from './raw-json.ts';
import type { RequestingServer } from './server-signature.ts';

/** An endpoint and what answers it. Made by `route`, mounted by `mount`. */
export interface Route {
  readonly endpoint: Endpoint;
  /** Takes what the endpoint's schemas let through; the types are checked where `route` is called. */
  readonly handle: (request: never) => HandlerResult | Promise<HandlerResult>;
  readonly bodyLimitBytes: number | undefined;
  /** Whether the handler reads the body itself, as it comes. */
  readonly takesStream: boolean;
}

/** What a handler gets: path, query and body with the types of their schemas, and who asks. */
export type EndpointRequest<Definition extends Endpoint> = EndpointInput<Definition> & RequestContext<Definition>;

export interface RequestContext<Definition extends Endpoint> {
  readonly requester: RequesterOf<Definition['authentication']>;
  /** Where the request came from, as rate limits count it: an IPv4 address, or the /64 network of an IPv6 one. */
  readonly clientNetwork: string;
  /** The address itself, for the list of devices. */
  readonly clientAddress: string;
  readonly userAgent: string | undefined;
  readonly requestId: string;
  /** The entity tags of what the client has already. */
  readonly ifNoneMatch: string | undefined;
  /** Under which URL the client reached the server: only for that client's own answer. */
  readonly baseUrl: string;
  /** Aborts when nobody waits for the answer any more, and when the server stops: a long poll then answers at once. */
  readonly signal: AbortSignal;
}

export type RequesterOf<Access> = Access extends 'access token'
  ? Requester
  : Access extends 'optional access token'
    ? Requester | undefined
    : Access extends 'server signature'
      ? RequestingServer
      : undefined;

/** A JSON object is 200. `RawJson` is too, and is not serialized again. `HttpAnswer` is for anything else. */
export type HandlerResult = JsonObject | RawJson | HttpAnswer;

export interface RouteOptions {
  /** The largest body in bytes; without it the general limit holds. */
  readonly bodyLimitBytes?: number;
}

/**
 * Puts a handler to an endpoint. A handler translates and does not decide: it calls services and shapes what they give.
 *
 *     route(getDisplayName, async ({ path }) => ({ displayname: await profiles.displayName(parseUserId(path.userId))
 * }))
 */
export function route<Definition extends Endpoint>(
  endpoint: Definition,
  handle: (request: EndpointRequest<Definition>) => HandlerResult | Promise<HandlerResult>,
  options: RouteOptions = {},
): Route {
  return { endpoint, handle, bodyLimitBytes: options.bodyLimitBytes, takesStream: false };
}

/** A body that is no JSON, and may be large: it is read as it comes. */
export interface StreamedRequest {
  /** Ends with M_TOO_LARGE beyond the route's limit. */
  readonly content: AsyncIterable<Uint8Array>;
  readonly contentType: string | undefined;
}

/** Like `route`, for an endpoint whose body is bytes. What a refusal leaves of them is not read. */
export function uploadRoute<Definition extends Endpoint>(
  endpoint: Definition,
  handle: (request: EndpointRequest<Definition> & StreamedRequest) => HandlerResult | Promise<HandlerResult>,
  options: Required<RouteOptions>,
): Route {
  return { endpoint, handle, bodyLimitBytes: options.bodyLimitBytes, takesStream: true };
}
