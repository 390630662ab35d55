import type { Static, TObject, TSchema } from 'typebox';

/**
 * An endpoint as a value: all that a server, a client or a table of what is there needs to know of it, apart from what
 * it does. A server mounts it together with a handler, whose input has the types that the schemas say.
 *
 * Path parameters stand in braces, as the specification writes them: `/_matrix/client/v3/rooms/{roomId}/leave`.
 * Parameters in the query string arrive as text; a schema says what they are (`Type.Integer()`, `Type.Boolean()`), and
 * the mount turns them into it before it checks them.
 */
export interface Endpoint<
  Path extends string = string,
  Parameters extends TObject | undefined = TObject | undefined,
  Query extends TObject | undefined = TObject | undefined,
  Body extends TSchema | undefined = TSchema | undefined,
  Access extends Authentication = Authentication,
> {
  readonly method: Method;
  /** The same endpoint under all its names: stable first, then unstable ones and older versions such as `r0`. */
  readonly paths: readonly [Path, ...Path[]];
  /** Stands in the type too: it decides whether a handler has a requester. */
  readonly authentication: Access;
  /** One line for tables and logs. */
  readonly summary: string;
  /** What the path parameters must look like; without it, each is any text. */
  readonly pathParameters: Parameters;
  readonly query: Query;
  readonly body: Body;
  /** What a successful answer looks like: for documentation and tests, not checked on the way out. */
  readonly response: TSchema | undefined;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Who may call: anyone, a user, either, or another server that signed the request. */
export type Authentication = 'none' | 'access token' | 'optional access token' | 'server signature';

/** What a handler of this endpoint gets. A query or body with no schema is not read, so it has no value. */
export interface EndpointInput<Definition extends Endpoint> {
  readonly path: Definition['pathParameters'] extends TObject
    ? Static<Definition['pathParameters']>
    : PathParametersOf<Definition['paths'][number]>;
  readonly query: Definition['query'] extends TObject ? Static<Definition['query']> : undefined;
  readonly body: Definition['body'] extends TSchema ? Static<Definition['body']> : undefined;
}

/** The parameters that stand in braces in the path, each as text: `'/a/{b}'` makes `{ b: string }`. */
export type PathParametersOf<Path extends string> = { readonly [Name in ParameterNames<Path>]: string };

type ParameterNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParameterNames<Rest>
  : never;

type EndpointDefinition<
  Path extends string,
  Parameters extends TObject | undefined,
  Query extends TObject | undefined,
  Body extends TSchema | undefined,
  Access extends Authentication,
> = {
  method: Method;
  authentication: Access;
  summary: string;
  pathParameters?: Parameters;
  query?: Query;
  body?: Body;
  response?: TSchema;
} & ({ path: Path; paths?: never } | { path?: never; paths: readonly [Path, ...Path[]] });

/** Makes the value. Throws where its paths do not hold the same parameters: they have one handler. */
export function defineEndpoint<
  const Path extends string,
  Parameters extends TObject | undefined = undefined,
  Query extends TObject | undefined = undefined,
  Body extends TSchema | undefined = undefined,
  const Access extends Authentication = Authentication,
>(
  definition: EndpointDefinition<Path, Parameters, Query, Body, Access>,
): Endpoint<Path, Parameters, Query, Body, Access> {
  const paths = definition.paths ?? ([definition.path] as const);
  for (const path of paths) {
    if (parameterNames(path).join() !== parameterNames(paths[0]).join()) {
      throw new Error(`${path} has not the same parameters as ${paths[0]}.`);
    }
  }
  return Object.freeze({
    method: definition.method,
    paths,
    authentication: definition.authentication,
    summary: definition.summary,
    pathParameters: definition.pathParameters as Parameters,
    query: definition.query as Query,
    body: definition.body as Body,
    response: definition.response,
  });
}

/** The path as routers write it: `:name` for `{name}`. */
export function routePath(path: string): string {
  return path.replaceAll(PARAMETER, ':$1');
}

function parameterNames(path: string): string[] {
  return [...path.matchAll(PARAMETER)].map((match) => match[1] ?? '').sort();
}

const PARAMETER = /\{([A-Za-z]+)\}/g;
