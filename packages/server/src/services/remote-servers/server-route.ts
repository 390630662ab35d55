/**
 * Where to connect for a server, and under which name. Specification: server-server API, "Resolving server names".
 */
export interface ServerRoute {
  /** Scheme, host and port: where to connect. */
  readonly origin: string;
  /** The header `Host`, and the name that the certificate has to be for. */
  readonly host: string;
}

/** Finds ways to a server, the best first; never an empty list. @throws DnsFailure */
export interface ServerRoutes {
  find(serverName: string): Promise<readonly ServerRoute[]>;
}
