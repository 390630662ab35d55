import { argon2, timingSafeEqual } from 'node:crypto';
import { limitExceeded } from '@limpet/protocol/matrix-error';
import type { Random } from '../../platform/random.ts';

/**
 * What one hash costs. The production values are those that OWASP recommends for argon2id on a server: 19 MiB and two
 * passes make a guess dear on graphics cards, and a login still takes some 30 ms of one thread here.
 */
export interface PasswordCost {
  readonly memoryKib: number;
  readonly passes: number;
}

const PASSWORD_COST: PasswordCost = { memoryKib: 19_456, passes: 2 };

/** For tests: as little as the algorithm takes. Never for people's passwords. */
export const CHEAP_PASSWORD_COST: PasswordCost = { memoryKib: 8, passes: 1 };

/** Hashes computed at once: they run on the few threads that files and names are read with too. */
const MAX_RUNNING = 2;
/** Those that wait beyond; each takes memory only when it runs. */
const MAX_WAITING = 200;
/** What the refused one is told to wait. */
const RETRY_AFTER_MS = 2_000;

const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** Turns passwords into argon2id hashes and checks them. A hash names its own cost, so the cost can change later. */
export class PasswordHasher {
  readonly #random: Random;
  readonly #cost: PasswordCost;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(random: Random, cost: PasswordCost = PASSWORD_COST) {
    this.#random = random;
    this.#cost = cost;
  }

  /** The hash as the `$argon2id$…` text that other programs read too. */
  async hash(password: string): Promise<string> {
    const salt = this.#random.bytes(SALT_BYTES);
    const key = await this.#derive(password, salt, this.#cost);
    const { memoryKib, passes } = this.#cost;
    return `$argon2id$v=19$m=${memoryKib},t=${passes},p=1$${unpadded(salt)}$${unpadded(key)}`;
  }

  /**
   * Whether this is the password. For an account that does not exist, or has none, `hash` is undefined: then the answer
   * is no after the same work, so that the time does not tell which accounts there are.
   */
  async verify(password: string, hash: string | undefined): Promise<boolean> {
    if (hash === undefined) {
      await this.#derive(password, new Uint8Array(SALT_BYTES), this.#cost);
      return false;
    }
    const { salt, key, cost } = readHash(hash);
    return timingSafeEqual(await this.#derive(password, salt, cost), key);
  }

  async #derive(password: string, salt: Uint8Array, cost: PasswordCost): Promise<Uint8Array> {
    await this.#begin();
    try {
      return await derive(password, salt, cost);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** Waits for a place; who ends hands his on to the next in line. */
  async #begin(): Promise<void> {
    if (this.#running < MAX_RUNNING) {
      this.#running++;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) {
      throw limitExceeded('Too many people log in at this moment. Try again in a moment.', RETRY_AFTER_MS);
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

function derive(password: string, salt: Uint8Array, cost: PasswordCost): Promise<Uint8Array> {
  const parameters = {
    // A password looks the same on every keyboard, however the accents of it were composed.
    message: Buffer.from(password.normalize('NFC'), 'utf8'),
    nonce: salt,
    parallelism: 1,
    tagLength: HASH_BYTES,
    memory: cost.memoryKib,
    passes: cost.passes,
  };
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

const HASH = /^\$argon2id\$v=19\$m=([0-9]+),t=([0-9]+),p=1\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

function readHash(hash: string): { salt: Uint8Array; key: Uint8Array; cost: PasswordCost } {
  const [, memory, passes, salt, key] = HASH.exec(hash) ?? [];
  if (salt === undefined || key === undefined) throw new Error('The database holds a password hash of an unknown form');
  const cost = { memoryKib: Number(memory), passes: Number(passes) };
  return { salt: Buffer.from(salt, 'base64'), key: Buffer.from(key, 'base64'), cost };
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}
