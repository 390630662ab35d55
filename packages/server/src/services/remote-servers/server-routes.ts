import type { ServerRoute, ServerRoutes } from './server-route.ts';

/** Where a server is that does not say otherwise. */
const DEFAULT_PORT = 8448;

/** Routes that the operator wrote down, and discovery for everybody else. */
export function createServerRoutes(fixed: ReadonlyMap<string, string>): ServerRoutes {
  return {
    async find(serverName) {
      const url = fixed.get(serverName);
      return [url === undefined ? plainRoute(serverName) : fixedRoute(url)];
    },
  };
}

/** The URL says everything, also which name the certificate is for: the server name need not be known anywhere. */
function fixedRoute(text: string): ServerRoute {
  const { origin, host } = new URL(text);
  return { origin, host };
}

function plainRoute(serverName: string): ServerRoute {
  const hasPort = /:[0-9]+$/.test(serverName) && !serverName.endsWith(']');
  return { origin: `https://${serverName}${hasPort ? '' : `:${DEFAULT_PORT}`}`, host: serverName };
}
