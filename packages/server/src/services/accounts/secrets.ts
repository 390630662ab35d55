import { hash, timingSafeEqual } from 'node:crypto';
import type { Random } from '../../platform/random.ts';

/** 256 bits: nobody guesses one, so a plain SHA-256 keeps it at rest; the slow hashes are for passwords. */
const ACCESS_TOKEN_BYTES = 32;

/** What an access token begins with, so that a person or a scanner who finds one knows what it is. */
const ACCESS_TOKEN_PREFIX = 'limpet_';
const REFRESH_TOKEN_PREFIX = 'limpet_refresh_';
const LOGIN_TOKEN_PREFIX = 'limpet_login_';
const OPENID_TOKEN_PREFIX = 'openid_';

export function newAccessToken(random: Random): string {
  return `${ACCESS_TOKEN_PREFIX}${base64Url(random.bytes(ACCESS_TOKEN_BYTES))}`;
}

export function newRefreshToken(random: Random): string {
  return `${REFRESH_TOKEN_PREFIX}${base64Url(random.bytes(ACCESS_TOKEN_BYTES))}`;
}

/** Opens one session of its user. */
export function newLoginToken(random: Random): string {
  return `${LOGIN_TOKEN_PREFIX}${base64Url(random.bytes(ACCESS_TOKEN_BYTES))}`;
}

/** Proves who its user is, and gives access to nothing: another beginning, so that nobody takes one for the other. */
export function newOpenIdToken(random: Random): string {
  return `${OPENID_TOKEN_PREFIX}${base64Url(random.bytes(ACCESS_TOKEN_BYTES))}`;
}

/** What is kept of a secret that is random itself. */
export function hashOfSecret(secret: string): Uint8Array {
  return hash('sha256', secret, 'buffer');
}

/** A registration token: 144 bits in the letters that the specification allows for them. */
export function newRegistrationToken(random: Random): string {
  return base64Url(random.bytes(18));
}

/** The name of something short-lived (a session, a nonce): 144 bits, not to be guessed. */
export function newSessionId(random: Random): string {
  return base64Url(random.bytes(18));
}

/** Ten letters and digits that a person can compare: 50 bits, ample among the devices of one user. */
export function newDeviceId(random: Random): string {
  return base32(random, 10);
}

/** A localpart for who asked for none: 60 bits. */
export function newLocalpart(random: Random): string {
  return base32(random, 12).toLowerCase();
}

/** Whether both are the same, in a time that does not tell where they differ. */
export function isSameSecret(left: string, right: string): boolean {
  return timingSafeEqual(hashOfSecret(left), hashOfSecret(right));
}

function base64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function base32(random: Random, length: number): string {
  return Array.from(random.bytes(length), (byte) => BASE32.charAt(byte & 31)).join('');
}
