import {
  findLocations,
  findLocationsOfAlias,
  findThirdPartyUsers,
  findUsers,
  getProtocol,
  getProtocols,
  pingAppservice,
  setNetworkVisibility,
} from '@limpet/protocol/endpoints/client/bridges';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';

/**
 * What application services would answer. There are none on this server, and that is what it says.
 * Specification: client-server API, "Third-party networks"; application service API, "Pinging".
 */
export function bridgeRoutes(): Route[] {
  return [
    route(getProtocols, () => ({})),
    route(getProtocol, ({ path }) => {
      throw noNetwork(path.protocol);
    }),
    route(findLocations, ({ path }) => {
      throw noNetwork(path.protocol);
    }),
    route(findUsers, ({ path }) => {
      throw noNetwork(path.protocol);
    }),
    route(findLocationsOfAlias, () => NOTHING),
    route(findThirdPartyUsers, () => NOTHING),
    route(pingAppservice, () => {
      throw onlyForBridges();
    }),
    route(setNetworkVisibility, () => {
      throw onlyForBridges();
    }),
  ];
}

const NOTHING = new RawJson('[]');

function noNetwork(name: string): MatrixError {
  return new MatrixError('M_NOT_FOUND', `This server has no bridge to ${JSON.stringify(name)}.`);
}

function onlyForBridges(): MatrixError {
  return new MatrixError('M_FORBIDDEN', 'This is for application services, of which this server has none.');
}
