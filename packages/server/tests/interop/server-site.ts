import type { ServerPlace } from './interop-server.ts';

/** What a server is configured with. */
export interface ServerSite {
  readonly place: ServerPlace;
  readonly address: string;
  readonly clientPort: number;
  readonly federationPort: number;
  readonly certificate: { readonly certificatePath: string; readonly privateKeyPath: string };
  readonly authorityPath: string;
}
