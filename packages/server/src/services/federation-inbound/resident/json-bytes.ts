const QUOTE = Buffer.from('"');

/**
 * Puts an answer together from texts that are JSON already, piece by piece: the state of a large room is a hundred
 * megabytes, which as one text would have to be copied and encoded in one go.
 */
export class JsonBytes {
  readonly #pieces: Uint8Array[] = [];
  #isFirst = true;

  constructor() {
    this.#pieces.push(Buffer.from('{'));
  }

  /** A property whose value is this JSON. */
  add(name: string, json: string): this {
    this.#begin(name);
    this.#pieces.push(Buffer.from(json));
    return this;
  }

  /** A property whose value is the list of these JSON texts. */
  addList(name: string, texts: readonly string[]): this {
    this.#begin(name);
    for (let first = 0; first < texts.length; first += TEXTS_PER_PIECE) {
      const part = texts.slice(first, first + TEXTS_PER_PIECE).join(',');
      this.#pieces.push(Buffer.from(`${first === 0 ? '[' : ','}${part}`));
    }
    this.#pieces.push(Buffer.from(texts.length === 0 ? '[]' : ']'));
    return this;
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
