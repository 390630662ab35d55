export interface SplitServerName {
  /** A name, an IPv4 address, or an IPv6 one in brackets. */
  readonly host: string;
  readonly port: string | undefined;
  readonly isAddress: boolean;
}

/** The parts of a server name. Specification: appendices, "Server Name". */
export function splitServerName(serverName: string): SplitServerName {
  const colon = serverName.endsWith(']') ? -1 : serverName.lastIndexOf(':');
  const host = colon === -1 ? serverName : serverName.slice(0, colon);
  const port = colon === -1 ? undefined : serverName.slice(colon + 1);
  return { host, port, isAddress: host.startsWith('[') || IPV4.test(host) };
}

/** What the grammar calls an IPv4 address. A URL takes other forms too; those are names here, which nobody can have. */
const IPV4 = /^[0-9]{1,3}(\.[0-9]{1,3}){3}$/;
