import type { Timers } from '../../../platform/timers.ts';
import { breathe } from '../../rooms/breathe.ts';

const QUOTE = Buffer.from('"');

/**
 * Puts an answer together from texts that are JSON already, piece by piece: the state of a large room is a hundred
 * megabytes, which as one text would have to be copied and encoded in one go.
 */
export class JsonBytes {
  readonly #timers: Timers;
  readonly #pieces: Uint8Array[] = [Buffer.from('{')];
  #isFirst = true;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** A property whose value is this JSON. */
  add(name: string, json: string): void {
    this.#begin(name);
    this.#pieces.push(Buffer.from(json));
  }

  /** A property whose value is the list of these JSON texts. Others get their turn while it is put together. */
  async addList(name: string, texts: readonly string[]): Promise<void> {
    this.#begin(name);
    for (let first = 0; first < texts.length; first += TEXTS_PER_PIECE) {
      if (first > 0) await breathe(this.#timers);
      const part = texts.slice(first, first + TEXTS_PER_PIECE).join(',');
      this.#pieces.push(Buffer.from(`${first === 0 ? '[' : ','}${part}`));
    }
    this.#pieces.push(Buffer.from(texts.length === 0 ? '[]' : ']'));
  }

  bytes(): Uint8Array {
    return Buffer.concat([...this.#pieces, Buffer.from('}')]);
  }

  #begin(name: string): void {
    if (!this.#isFirst) this.#pieces.push(Buffer.from(','));
    this.#isFirst = false;
    this.#pieces.push(QUOTE, Buffer.from(name), QUOTE, Buffer.from(':'));
  }
}

const TEXTS_PER_PIECE = 1_000;
