import { describe, expect, test } from 'vitest';
import { contentHash } from './content-hash.ts';
import type { JsonObject } from './json.ts';
import { findRoomVersion, type RoomVersion } from './room-version.ts';
import {
  MAX_SIGNATURES_OF_SERVER,
  signEvent,
  signingKeyFromSeed,
  signJson,
  verifyKeyFromBase64,
  verifySignedJson,
} from './signing.ts';
import { decodeBase64 } from './unpadded-base64.ts';

/** Seed, server name and key ID of the specification's test vectors. */
const seed = decodeBase64('YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1') as Uint8Array;
const key = signingKeyFromSeed('ed25519:1', seed);
const keys = new Map([[key.keyId, key.publicKey]]);
const v1 = findRoomVersion('1') as RoomVersion;

describe('the test vectors of the specification', () => {
  test.each<[string, JsonObject, string]>([
    ['{}', {}, 'K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ'],
    [
      'an object with values',
      { one: 1, two: 'Two' },
      'KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw',
    ],
  ])('JSON signing: %s', (_name, object, signature) => {
    const signed = signJson(object, 'domain', key);
    expect(signed).toEqual({ ...object, signatures: { domain: { 'ed25519:1': signature } } });
    expect(verifySignedJson(signed, 'domain', keys)).toEqual({ allowed: true });
  });

  test('event signing: an event of the smallest size', () => {
    const event = {
      room_id: '!x:domain',
      sender: '@a:domain',
      origin: 'domain',
      origin_server_ts: 1000000,
      signatures: {},
      hashes: {},
      type: 'X',
      content: {},
      prev_events: [],
      auth_events: [],
      depth: 3,
      unsigned: { age_ts: 1000000 },
    };
    expect(hashAndSign(event)).toEqual({
      ...event,
      hashes: { sha256: '5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos' },
      signatures: {
        domain: {
          'ed25519:1': 'KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg',
        },
      },
    });
  });

  test('event signing: an event with content that redaction takes away', () => {
    const event = {
      content: { body: 'Here is the message content' },
      event_id: '$0:domain',
      origin: 'domain',
      origin_server_ts: 1000000,
      type: 'm.room.message',
      room_id: '!r:domain',
      sender: '@u:domain',
      signatures: {},
      unsigned: { age_ts: 1000000 },
    };
    expect(hashAndSign(event)).toEqual({
      ...event,
      hashes: { sha256: 'onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g' },
      signatures: {
        domain: {
          'ed25519:1': 'Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA',
        },
      },
    });
  });
});

describe('verifySignedJson', () => {
  const signed = signJson({ a: 1, unsigned: { age: 5 } }, 'domain', key);

  test('passes over unsigned, other algorithms, unknown keys and other servers', () => {
    const { domain } = signed.signatures as { domain: JsonObject };
    const signatures = { other: { 'ed25519:1': 'x' }, domain: { 'rsa:1': 'x', 'ed25519:2': 'x', ...domain } };
    expect(verifySignedJson({ ...signed, unsigned: 7, signatures }, 'domain', keys)).toEqual({ allowed: true });
    expect(verifySignedJson(signJson(signed, 'other', key), 'domain', keys)).toEqual({ allowed: true });
  });

  test.each<[string, JsonObject, string]>([
    ['a changed object', { ...signed, a: 2 }, 'The signature of domain is wrong.'],
    ['no signature', { a: 1 }, 'There is no Ed25519 signature of domain.'],
    [
      'one of another form',
      { a: 1, signatures: { domain: { 'ed25519:1': '*' } } },
      'The signature of domain is wrong.',
    ],
    ['signatures of a wrong type', { a: 1, signatures: { domain: 'x' } }, 'There is no Ed25519 signature of domain.'],
    [
      'an unknown key',
      { a: 1, signatures: { domain: { 'ed25519:9': 'x' } } },
      'No key of domain is known that it signed with.',
    ],
  ])('refuses %s', (_name, object, reason) => {
    expect(verifySignedJson(object, 'domain', keys)).toEqual({ allowed: false, reason });
  });

  test('looks at a bounded number of signatures', () => {
    const many = Object.fromEntries(Array.from({ length: MAX_SIGNATURES_OF_SERVER }, (_, n) => [`ed25519:x${n}`, 'x']));
    const { domain } = signed.signatures as { domain: JsonObject };
    const flooded = { ...signed, signatures: { domain: { ...many, ...domain } } };
    expect(verifySignedJson(flooded, 'domain', keys).allowed).toBe(false);
  });
});

describe('keys', () => {
  test('the published key verifies what the seed signed', () => {
    const published = verifyKeyFromBase64(key.publicKeyBase64);
    expect(published?.equals(key.publicKey)).toBe(true);
    expect(key.publicKeyBase64).toMatch(/^[A-Za-z0-9+/]{43}$/);
  });

  test('what is no key is refused', () => {
    expect(['', 'AAAA', '*'.repeat(43)].map(verifyKeyFromBase64)).toEqual([undefined, undefined, undefined]);
    expect(() => signingKeyFromSeed('ed25519:1', new Uint8Array(31))).toThrow('32 bytes, this one has 31');
    expect(() => signingKeyFromSeed('1', seed)).toThrow('A signing key ID is "ed25519:"');
  });
});

function hashAndSign(event: JsonObject): JsonObject {
  const hashed = { ...event, hashes: { sha256: contentHash(event) } };
  return signEvent(hashed, v1, 'domain', key);
}
