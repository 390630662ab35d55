import { SEED_BYTES, type SigningKey, signingKeyFromSeed } from '@limpet/protocol/signing';
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
}

/**
 * The server's signing key, made at the first start. The file holds one line, `ed25519 VERSION SEED`, as other
 * homeservers have it, so that a server can move here with its key. Throws a KeyFileFault when it holds
 * anything else: a server that went on with a new key would be a stranger to all others.
 */
export function openSigningKey(file: KeyFile, random: Random): SigningKey {
  const text = file.readOrCreate(() => formatSeed(versionOf(random.bytes(VERSION_BYTES)), random.bytes(SEED_BYTES)));
  const [algorithm, version, seedText, ...rest] = text.trim().split(/\s+/);
  const seed = seedText === undefined ? undefined : decodeBase64(seedText);
  const isGood =
    algorithm === 'ed25519' &&
    /^[A-Za-z0-9_]+$/.test(version ?? '') &&
    seed?.length === SEED_BYTES &&
    rest.length === 0;
  if (!isGood || seed === undefined) {
    throw new KeyFileFault(
      `${file.path} is no signing key: it must hold one line "ed25519 VERSION SEED", the seed in Base64`,
    );
  }
  return signingKeyFromSeed(`ed25519:${version}`, seed);
}

const VERSION_BYTES = 3;

function versionOf(bytes: Uint8Array): string {
  return `a_${Buffer.from(bytes).toString('hex')}`;
}

function formatSeed(version: string, seed: Uint8Array): string {
  return `ed25519 ${version} ${encodeUnpaddedBase64(seed)}\n`;
}
