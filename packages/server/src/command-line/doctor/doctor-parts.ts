import type { Config, ListenerConfig } from '../../config.ts';
import type { TlsFiles } from '../../http/create-http-app.ts';
import type { Clock } from '../../platform/clock.ts';
import type { OutboundHttp } from '../../platform/outbound-http.ts';
import type { ServerRoutes } from '../../services/remote-servers/server-routes.ts';
import type { ServerExamination } from '../server-examination.ts';

/** What the doctor looks at, and looks with. */
export interface DoctorParts {
  readonly config: Config;
  readonly clock: Clock;
  /** Asks as this server asks others, with the addresses and authorities that the configuration allows. */
  readonly outboundHttp: OutboundHttp;
  /** Reaches this machine, too. */
  readonly ownHttp: OutboundHttp;
  readonly routes: Pick<ServerRoutes, 'find'>;
  /** Of the listeners that have `tls`, by their place. */
  readonly tls: ReadonlyMap<number, TlsFiles>;
  /** PEM texts: those of the system, and those of the configuration. */
  readonly authorities: readonly string[];
  /** Why the listener cannot be opened, in a sentence; `undefined` where it can. */
  probeListener(listener: ListenerConfig): Promise<string | undefined>;
  readonly isRunning: boolean;
  /** What the server says of itself; why it cannot say anything, where its database or key cannot be used. */
  readonly examination: ServerExamination | { readonly fault: string };
  /** Servers to compare clocks with, besides those in rooms. */
  readonly servers: readonly string[];
}
