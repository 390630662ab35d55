import { getServerVersion, getWellKnownServer } from '@limpet/protocol/endpoints/federation/server-information';
import { MatrixError } from '@limpet/protocol/matrix-error';
import manifest from '../../../package.json' with { type: 'json' };
import type { Config } from '../../config.ts';
import { type Route, route } from '../route.ts';

/**
 * What another server asks before it knows anything of this one.
 * Specification: server-server API, "Server discovery".
 */
export function federationInformationRoutes(config: Config): Route[] {
  const version = { server: { name: 'Limpet', version: manifest.version } };
  return [
    route(getServerVersion, () => version),
    route(getWellKnownServer, () => {
      const { wellKnownServer } = config.federation;
      if (wellKnownServer === undefined) {
        throw new MatrixError('M_NOT_FOUND', 'This server is where its name says: nothing is delegated.');
      }
      return { 'm.server': wellKnownServer };
    }),
  ];
}
