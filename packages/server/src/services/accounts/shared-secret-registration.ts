import { createHmac } from 'node:crypto';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { ExpiringMap } from './expiring-map.ts';
import type { Registered, Registration } from './registration.ts';
import { isSameSecret, newSessionId } from './secrets.ts';

/** A nonce is fetched right before it is used. */
const NONCE_LIFETIME_MS = 60_000;
/** Nonces that wait for their use; the oldest gives way. */
const MAX_NONCES = 1_000;

export interface SharedSecretRequest {
  readonly nonce: string;
  readonly username: string;
  readonly password: string;
  readonly displayName: string | undefined;
  readonly isAdmin: boolean;
  /** Synapse's kinds of users; counts in the signature alone. */
  readonly userType: string | undefined;
  /** The signature in hexadecimal. */
  readonly mac: string;
  readonly clientAddress: string | undefined;
}

/**
 * Registration by who knows a secret of the configuration, whatever the mode: the interface that Synapse brought and
 * that Matrix tools know. Specification: Synapse's admin API, "Shared-Secret Registration".
 */
export class SharedSecretRegistration {
  readonly #platform: Platform;
  readonly #registration: Registration;
  readonly #secret: string | undefined;
  readonly #nonces: ExpiringMap<true>;

  constructor(platform: Platform, registration: Registration, secret: string | undefined) {
    this.#platform = platform;
    this.#registration = registration;
    this.#secret = secret;
    this.#nonces = new ExpiringMap({
      clock: platform.clock,
      lifetimeMs: NONCE_LIFETIME_MS,
      maxEntries: MAX_NONCES,
    });
  }

  /** Throws M_UNRECOGNIZED when no secret is configured. */
  newNonce(): string {
    this.#configuredSecret();
    const nonce = newSessionId(this.#platform.random);
    this.#nonces.set(nonce, true);
    return nonce;
  }

  /**
   * Throws M_UNRECOGNIZED without a configured secret, M_UNKNOWN for a nonce that is not ours, M_FORBIDDEN for a wrong
   * signature, and what `Registration.register` throws.
   */
  async register(request: SharedSecretRequest): Promise<Registered> {
    const secret = this.#configuredSecret();
    if (!this.#nonces.take(request.nonce)) {
      throw new MatrixError(
        'M_UNKNOWN',
        'This nonce is not known, used already, or older than a minute. Get a new one.',
      );
    }
    if (request.username.includes('\0') || request.password.includes('\0')) {
      throw new MatrixError('M_INVALID_PARAM', 'User name and password must not contain NUL.');
    }
    if (!isSameSecret(request.mac.toLowerCase(), signatureOf(request, secret))) {
      throw new MatrixError('M_FORBIDDEN', 'The signature in "mac" does not fit the request and the shared secret.');
    }
    const { username, password, isAdmin, displayName, clientAddress } = request;
    const device = { deviceId: undefined, displayName: undefined, clientAddress };
    return this.#registration.register({ username, password, isAdmin, displayName, device });
  }

  #configuredSecret(): string {
    if (this.#secret !== undefined) return this.#secret;
    throw new MatrixError('M_UNRECOGNIZED', 'Registration by a shared secret is not configured on this server.');
  }
}

function signatureOf(request: SharedSecretRequest, secret: string): string {
  const { nonce, username, password, isAdmin, userType } = request;
  const parts = [
    nonce,
    username,
    password,
    isAdmin ? 'admin' : 'notadmin',
    ...(userType === undefined ? [] : [userType]),
  ];
  return createHmac('sha1', secret).update(parts.join('\0'), 'utf8').digest('hex');
}
