import type { FastifyRequest } from 'fastify';

/**
 * The address a request came from. Behind a reverse proxy it is the last entry of X-Forwarded-For, the one that the
 * proxy itself wrote; the entries before it are whatever the client claims.
 */
export function clientAddressOf(request: FastifyRequest['raw'], isBehindProxy: boolean): string {
  const forwarded = isBehindProxy ? request.headers['x-forwarded-for'] : undefined;
  const chain = Array.isArray(forwarded) ? forwarded.join(',') : forwarded;
  const last = chain?.split(',').at(-1)?.trim();
  return last !== undefined && last !== '' ? last : (request.socket.remoteAddress ?? 'unknown');
}

/**
 * What a rate limit counts as one: an IPv4 address, or the 64-bit network of an IPv6 one, whose owner has all of it.
 */
export function addressNetwork(address: string): string {
  const plain = address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
  if (!plain.includes(':')) {
    return plain;
  }
  const [head = '', tail] = plain.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : new Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0');
  return `${[...first, ...zeros, ...last].slice(0, 4).join(':')}::/64`;
}
