import { serverNameOf } from '../identifiers.ts';

/** Whether two identifiers are of one server. Those that name none are of no server, so never of the same. */
export function isSameServer(left: string, right: string): boolean {
  const serverName = serverNameOf(left);
  return serverName !== undefined && serverName === serverNameOf(right);
}
