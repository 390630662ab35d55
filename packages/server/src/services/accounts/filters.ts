import type { UserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { createCache } from '../../cache/create-cache.ts';
import { insertFilter, selectFilter, selectFilterByJson } from '../../storage/queries/filters.ts';
import type { Storage } from '../../storage/storage.ts';
import { type Filter, parseFilter } from './filter.ts';
import { Turns } from './turns.ts';

/** Filters that one user may keep. A client needs one or two; the same one twice is kept once. */
const MAX_FILTERS_OF_A_USER = 1_000;
/** Parsed filters kept in memory, over all users. */
const MAX_CACHED_FILTERS = 10_000;

/** The filters that users saved. A filter never changes once it has its ID. */
export class Filters {
  readonly #storage: Storage;
  readonly #cache = createCache<string, Filter>(MAX_CACHED_FILTERS);
  readonly #turns = new Turns();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /**
   * Saves a filter and gives its ID; the same filter gets the same ID. Throws M_BAD_JSON, and M_TOO_LARGE at the
   * limit.
   */
  async save(userId: UserId, json: JsonObject): Promise<string> {
    parseFilter(json);
    const text = JSON.stringify(json);
    const known = await this.#idOf(userId, text);
    if (known !== undefined) return known;
    // One after the other, so that the same filter sent twice at once is found by the second.
    return this.#turns.run(
      `${userId}\0${text}`,
      async () => (await this.#idOf(userId, text)) ?? this.#insert(userId, text),
    );
  }

  async #idOf(userId: UserId, text: string): Promise<string | undefined> {
    const [saved] = await this.#storage.read(selectFilterByJson, { userId, json: text });
    return saved && String(saved.filter_id);
  }

  async #insert(userId: UserId, text: string): Promise<string> {
    const committed = await this.#storage.write((transaction) =>
      transaction.fetch(insertFilter, { userId, json: text, limit: MAX_FILTERS_OF_A_USER }),
    );
    const [row] = committed.rows(committed.value);
    if (row === undefined) {
      throw new MatrixError('M_TOO_LARGE', `You may save ${MAX_FILTERS_OF_A_USER} filters at most, and have as many.`);
    }
    return String(row.filter_id);
  }

  /** The filter as it was saved, as text. Throws M_NOT_FOUND when the user has none with this ID. */
  async json(userId: UserId, filterId: string): Promise<string> {
    const number = /^[0-9]{1,15}$/.test(filterId) ? Number(filterId) : undefined;
    const rows = number === undefined ? [] : await this.#storage.read(selectFilter, { userId, filterId: number });
    const [row] = rows;
    if (row === undefined) throw new MatrixError('M_NOT_FOUND', 'You have no filter with this ID.');
    return row.json;
  }

  /** The filter, parsed. Throws M_NOT_FOUND when the user has none with this ID. */
  async load(userId: UserId, filterId: string): Promise<Filter> {
    const key = `${userId}\0${filterId}`;
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const filter = parseFilter(JSON.parse(await this.json(userId, filterId)));
    this.#cache.set(key, filter);
    return filter;
  }
}
