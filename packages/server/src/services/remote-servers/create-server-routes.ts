import type { Platform } from '../../platform/platform.ts';
import { ServerRoutes } from './server-routes.ts';
import { ServiceRecords } from './service-records.ts';
import { WellKnownServers } from './well-known-servers.ts';

/** Ways to other servers: `fixed` are URLs of the configuration, by server name. */
export function createServerRoutes(platform: Platform, fixed: ReadonlyMap<string, string>): ServerRoutes {
  return new ServerRoutes({
    fixed,
    wellKnown: new WellKnownServers(platform),
    services: new ServiceRecords(platform.dns, platform.log),
    clock: platform.clock,
    random: platform.random,
  });
}
