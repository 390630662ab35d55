import type { Config } from '../../config.ts';
import type { TlsFiles } from '../../http/create-http-app.ts';
import { listenFault } from '../../http/listen.ts';
import { KeyFileFault } from '../../platform/key-file.ts';
import { callControlSocket } from '../../platform/node/control-socket.ts';
import { createNodeDns } from '../../platform/node/dns.ts';
import { createNodeOutboundHttp, type OutboundHttpOptions } from '../../platform/node/outbound-http.ts';
import { probePort } from '../../platform/node/probe-port.ts';
import { systemAuthorities } from '../../platform/node/system-authorities.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Terminal } from '../../platform/terminal.ts';
import { createServerRoutes } from '../../services/remote-servers/create-server-routes.ts';
import { DatabaseUnusable } from '../../storage/database-unusable.ts';
import { controlSocketPath } from '../data-paths.ts';
import { withAdminCommands } from '../with-admin-commands.ts';
import type { DoctorOptions } from './doctor-actions.ts';
import type { DoctorParts } from './doctor-parts.ts';
import { examineServer } from './examine-server.ts';
import { report } from './report.ts';

export interface DoctorCall {
  readonly config: Config;
  readonly tls: ReadonlyMap<number, TlsFiles>;
  readonly outbound: OutboundHttpOptions;
  readonly platform: Platform;
  readonly terminal: Terminal;
}

/** Examines the server of this configuration, and prints what was found. Gives the exit status. */
export async function doctor(options: DoctorOptions, call: DoctorCall): Promise<number> {
  const { config, tls, outbound, platform, terminal } = call;
  // An empty request asks whether somebody is there.
  const isRunning = (await callControlSocket(controlSocketPath(config), '')) !== undefined;
  const findings = await examineServer({
    config,
    clock: platform.clock,
    outboundHttp: platform.outboundHttp,
    ownHttp: createNodeOutboundHttp({ ...outbound, allowPrivateAddresses: true }, createNodeDns()),
    routes: createServerRoutes(platform, config.federation.servers),
    tls,
    authorities: [...systemAuthorities(), ...outbound.certificateAuthorities],
    probeListener: async (listener) => {
      const error = await probePort(listener.address, listener.port);
      return error === undefined ? undefined : `${listenFault(error, listener).message}.`;
    },
    isRunning,
    examination: await examination(config, platform),
    servers: options.server ?? [],
  });
  return report(findings, terminal, options.json === true);
}

/** By the running server, or by one that is opened for this long. */
async function examination(config: Config, platform: Platform): Promise<DoctorParts['examination']> {
  try {
    return await withAdminCommands(config, platform, (commands) => commands.examine({}));
  } catch (error) {
    if (error instanceof DatabaseUnusable || error instanceof KeyFileFault) {
      return { fault: error.message };
    }
    throw error;
  }
}
