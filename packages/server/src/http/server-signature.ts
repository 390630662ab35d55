import { asServerName, type ServerName } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { signedTextOfRequest } from '@limpet/protocol/signed-request';
import { verifyTextSignature } from '@limpet/protocol/signing';
import { parseXMatrix } from '@limpet/protocol/x-matrix';
import type { ServerKeys } from '../services/remote-servers/remote-servers.ts';

/** Signatures of one request that are looked at; a server sends more than one only while it changes its key. */
const MAX_SIGNATURES = 4;

/** Who asks: the server that signed the request. */
export interface RequestingServer {
  readonly serverName: ServerName;
}

/** What a request says of who signed it; nothing of it is verified. */
export interface ClaimedSignature {
  readonly origin: ServerName;
  readonly signatures: readonly { readonly keyId: string; readonly signature: string }[];
}

export interface SignedRequestParts {
  readonly method: string;
  /** As it stands in the request line. */
  readonly uri: string;
  /** The canonical form of the body; `undefined` without one. */
  readonly content: string | undefined;
  readonly destination: string;
}

/**
 * Reads the headers `Authorization`, before the body is read. Throws M_UNAUTHORIZED for what cannot be good whatever
 * the body says: no signature, another destination, several origins.
 * Specification: server-server API, "Request Authentication".
 */
export function readServerSignature(rawHeaders: readonly string[], destination: string): ClaimedSignature {
  const headers = rawHeaders.filter((_text, index) => {
    return index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'authorization';
  });
  const claims = headers.map(parseXMatrix).filter((claim) => claim !== undefined);
  const [first] = claims;
  if (first === undefined) {
    throw unauthorized('This needs the signature of a server: send the header "Authorization: X-Matrix …".');
  }
  const origin = asServerName(first.origin);
  if (origin === undefined || claims.some((claim) => claim.origin !== origin)) {
    throw unauthorized('The "origin" of the header Authorization must be one server name.');
  }
  if (claims.some((claim) => claim.destination !== undefined && claim.destination !== destination)) {
    throw unauthorized(`This request is for another server; this one is ${destination}.`);
  }
  if (origin === destination) {
    throw unauthorized('A server sends no requests to itself.');
  }
  const signatures = claims.map(({ key, signature }) => ({ keyId: key, signature }));
  return { origin, signatures: signatures.slice(0, MAX_SIGNATURES) };
}

/** Throws M_UNAUTHORIZED where no signature is right, or no key of that server that is valid now made it. */
export async function verifyServerSignature(
  { origin, signatures }: ClaimedSignature,
  request: SignedRequestParts,
  keys: ServerKeys,
): Promise<RequestingServer> {
  const text = signedTextOfRequest({ ...request, origin });
  const found = await keys.find(signatures.map(({ keyId }) => ({ serverName: origin, keyId, validAt: 'now' })));
  if (found.every((key) => key === undefined)) {
    throw unauthorized(`No key of ${origin} that is valid now could be found for this signature.`);
  }
  for (const [index, { signature }] of signatures.entries()) {
    const key = found[index];
    if (key !== undefined && verifyTextSignature(text, signature, key)) {
      return { serverName: origin };
    }
  }
  throw unauthorized(`The signature of ${origin} does not fit this request.`);
}

function unauthorized(message: string): MatrixError {
  return new MatrixError('M_UNAUTHORIZED', message);
}
