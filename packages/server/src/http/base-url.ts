import { asServerName } from '@limpet/protocol/identifiers';
import type { FastifyRequest } from 'fastify';

/**
 * Under which URL the client reached the server, without a slash at the end. It is what the client says of itself
 * (`Host`), so it may be told to that client and nobody else.
 */
export function baseUrlOf(request: FastifyRequest['raw'], isBehindProxy: boolean): string {
  const { host, 'x-forwarded-proto': forwarded } = request.headers;
  const isSecure = isBehindProxy && forwarded !== undefined ? forwarded === 'https' : 'encrypted' in request.socket;
  return `${isSecure ? 'https' : 'http'}://${asServerName(host) ?? 'localhost'}`;
}
