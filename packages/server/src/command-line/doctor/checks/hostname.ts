/** The host of `host:port`; an IPv6 address without its brackets. */
export function hostnameOf(host: string): string {
  const bare = host.replace(/:\d+$/, (port) => (/^[^[]*:.*:/.test(host) ? port : ''));
  return bare.startsWith('[') ? bare.slice(1, -1) : bare;
}

export function isAddress(hostname: string): boolean {
  return /^[\d.]+$/.test(hostname) || hostname.includes(':');
}

/** Whether a server name says itself where the server is. Specification: "Resolving server names", steps 1 and 2. */
export function saysWhereItIs(serverName: string): boolean {
  return /:\d+$/.test(serverName) || isAddress(hostnameOf(serverName));
}
