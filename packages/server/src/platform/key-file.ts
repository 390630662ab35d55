import { SEED_BYTES, type SigningKey, signingKeyFromSeed, verifyKeyFromBase64 } from '@limpet/protocol/signing';
import { decodeBase64, encodeUnpaddedBase64 } from '@limpet/protocol/unpadded-base64';
import type { Random } from './random.ts';

/** The signing key cannot be used. The message is one line that names the file; exit status 2. */
export class KeyFileFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KeyFileFault';
  }
}

/** The one small secret file of a server. */
export interface KeyFile {
  /** For messages. */
  readonly path: string;
  /**
   * The text of the file. Where there is none yet, `make` is called and what it gives is on disk before this returns.
   */
  readOrCreate(make: () => string): string;
  /** Puts this text in the place of the one that is there, whole or not at all. */
  replace(text: string): void;
}

/** A key that signs no more, and what it signed is still good. */
export interface OldKey {
  readonly keyId: string;
  readonly publicKeyBase64: string;
  /** When it was given up. */
  readonly expiredTs: number;
}

/** The key that signs, and those that did before. */
export interface OwnSigningKey extends SigningKey {
  readonly oldKeys: readonly OldKey[];
}

/**
 * The server's signing key, made at the first start. The file holds one line, `ed25519 VERSION SEED`, as other
 * homeservers have it, so that a server can move here with its key, and after it a line for each key from before:
 * `old ed25519 VERSION PUBLIC_KEY EXPIRED_TS`. Throws a KeyFileFault when it holds anything else: a server that went
 * on with a new key would be a stranger to all others.
 */
export function openSigningKey(file: KeyFile, random: Random): OwnSigningKey {
  const text = file.readOrCreate(() => newLine(random));
  const [first = '', ...rest] = text.trim().split('\n');
  const signingKey = readSigningKey(first);
  const oldKeys = rest.filter((line) => line.trim() !== '').map(readOldKey);
  if (signingKey === undefined || !oldKeys.every((key) => key !== undefined)) {
    throw new KeyFileFault(
      `${file.path} is no signing key: it must hold one line "ed25519 VERSION SEED", the seed in Base64, ` +
        'and may hold lines "old ed25519 VERSION PUBLIC_KEY EXPIRED_TS"',
    );
  }
  return { ...signingKey, oldKeys };
}

/** Makes a new key, and the one of today an old one that ends now. The server must not run meanwhile. */
export function rotateSigningKey(file: KeyFile, random: Random, nowMs: number): OwnSigningKey {
  const { keyId, publicKeyBase64, oldKeys } = openSigningKey(file, random);
  const lines = [{ keyId, publicKeyBase64, expiredTs: nowMs }, ...oldKeys].map(
    (key) => `old ${key.keyId.replace(':', ' ')} ${key.publicKeyBase64} ${key.expiredTs}\n`,
  );
  file.replace(`${newLine(random)}${lines.join('')}`);
  return openSigningKey(file, random);
}

function readSigningKey(line: string): SigningKey | undefined {
  const [algorithm, version = '', seedText, ...rest] = line.trim().split(/\s+/);
  const seed = seedText === undefined ? undefined : decodeBase64(seedText);
  const isGood = algorithm === 'ed25519' && VERSION.test(version) && seed?.length === SEED_BYTES && rest.length === 0;
  return isGood ? signingKeyFromSeed(`ed25519:${version}`, seed) : undefined;
}

function readOldKey(line: string): OldKey | undefined {
  const [mark, algorithm, version = '', publicKeyBase64 = '', expired = '', ...rest] = line.trim().split(/\s+/);
  const isGood = mark === 'old' && algorithm === 'ed25519' && VERSION.test(version) && rest.length === 0;
  return isGood && verifyKeyFromBase64(publicKeyBase64) !== undefined && /^[0-9]{1,15}$/.test(expired)
    ? { keyId: `ed25519:${version}`, publicKeyBase64, expiredTs: Number(expired) }
    : undefined;
}

const VERSION = /^[A-Za-z0-9_]+$/;

function newLine(random: Random): string {
  return formatSeed(versionOf(random.bytes(VERSION_BYTES)), random.bytes(SEED_BYTES));
}

const VERSION_BYTES = 3;

function versionOf(bytes: Uint8Array): string {
  return `a_${Buffer.from(bytes).toString('hex')}`;
}

function formatSeed(version: string, seed: Uint8Array): string {
  return `ed25519 ${version} ${encodeUnpaddedBase64(seed)}\n`;
}
