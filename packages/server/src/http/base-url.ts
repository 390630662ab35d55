import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { asServerName } from '@limpet/protocol/identifiers';

/**
 * Under which URL the client reached the server, without a slash at the end. It is what the client says of itself
 * (`Host`), so it may be told to that client and nobody else.
 */
export function baseUrlOf(request: IncomingMessage, isBehindProxy: boolean): string {
  const { host, 'x-forwarded-proto': forwarded } = request.headers;
  const isSecure =
    isBehindProxy && forwarded !== undefined ? forwarded === 'https' : request.socket instanceof TLSSocket;
  return `${isSecure ? 'https' : 'http'}://${asServerName(host) ?? 'localhost'}`;
}
