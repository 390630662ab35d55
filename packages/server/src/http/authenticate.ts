import type { DeviceId, UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { AccountStanding } from '../services/accounts/access-tokens.ts';

/** Who asks: the owner of the access token that came with the request. */
export interface Requester {
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  /** The access token itself, as it was sent. Never log it. */
  readonly accessToken: string;
  readonly standing: AccountStanding;
}

/**
 * What accounts offers to the edge. It keeps tokens as hashes and caches them; an unknown, expired or foreign token is
 * `undefined`.
 */
export interface TokenVerifier {
  /** Throws M_UNKNOWN_TOKEN with `soft_logout` where the token was good, and its session goes on. */
  verify(accessToken: string): Promise<Requester | undefined>;
}

/** Longest access token that is looked up at all. Ours are far shorter. */
const MAX_ACCESS_TOKEN_LENGTH = 4096;

/**
 * The requester of a request that must have one. Throws M_MISSING_TOKEN without a token and M_UNKNOWN_TOKEN with one
 * that nobody has. Specification: client-server API, "Using access tokens".
 */
export async function authenticate(token: string | undefined, verifier: TokenVerifier): Promise<Requester> {
  if (token === undefined) {
    throw new MatrixError(
      'M_MISSING_TOKEN',
      'This needs an access token: send the header "Authorization: Bearer TOKEN".',
    );
  }
  const requester = token.length > MAX_ACCESS_TOKEN_LENGTH ? undefined : await verifier.verify(token);
  if (requester === undefined) {
    throw new MatrixError('M_UNKNOWN_TOKEN', 'This access token is not known here, or was logged out. Log in again.');
  }
  return requester;
}

/** The token of the header, or else of the deprecated query parameter. An empty one counts as none. */
export function accessTokenOf(authorization: string | undefined, queryParameter: unknown): string | undefined {
  const bearer = authorization === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (bearer !== undefined) {
    return bearer;
  }
  const value = Array.isArray(queryParameter) ? queryParameter[0] : queryParameter;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
