import { BlockList, isIP } from 'node:net';

/**
 * Whether the address is one that no server of the public Internet has: private and local networks, the machine itself,
 * multicast, and IPv6 forms that carry an IPv4 address of those. Whoever names such an address to us may want us to
 * ask our own neighbours in his stead.
 */
export function isPrivateAddress(address: string): boolean {
  const [plain = ''] = address.split('%', 1);
  const version = isIP(plain);
  return version === 0 || PRIVATE.check(plain, version === 4 ? 'ipv4' : 'ipv6');
}

const PRIVATE = new BlockList();

/** IANA's registry of special-purpose IPv4 addresses, as far as nothing public is in it. */
const PRIVATE_IPV4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const;

/** Loopback and none, discard, local NAT64, tunnels (Teredo, 6to4), documentation, unique local, link, multicast. */
const PRIVATE_IPV6 = [
  ['::', 127],
  ['100::', 64],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const;

/** Prefixes of 96 bits that an IPv4 address follows: compatible, translated, and the well-known one of NAT64. */
const IPV4_PREFIXES = ['::', '::ffff:0:', '64:ff9b::'] as const;

for (const [network, bits] of PRIVATE_IPV6) {
  PRIVATE.addSubnet(network, bits, 'ipv6');
}
for (const [network, bits] of PRIVATE_IPV4) {
  // This covers the mapped form, ::ffff:10.0.0.1, as well.
  PRIVATE.addSubnet(network, bits, 'ipv4');
  for (const prefix of IPV4_PREFIXES) {
    PRIVATE.addSubnet(`${prefix}${network}`, 96 + bits, 'ipv6');
  }
}
