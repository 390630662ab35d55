import { asRoomId, asUserId } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';

/** Longest list in a filter: each event of a section is held against it. */
const MAX_LIST_ENTRIES = 1_000;
/** Longest text in a list: types and IDs have at most 255 bytes, paths may have a few parts. */
const MAX_TEXT_LENGTH = 1_024;

/** Reads the properties of one object of a filter. Each answers `undefined` where there is none, or `null`, and throws
 * M_BAD_JSON with the name of the property where it is not what it must be. */
export class FilterFields {
  readonly #json: JsonObject;
  /** Where the object stands in the filter, such as `room.timeline`; '' for the filter itself. */
  readonly #place: string;

  constructor(json: JsonValue, place: string) {
    if (!isJsonObject(json)) throw new MatrixError('M_BAD_JSON', `"${place}" of the filter must be an object.`);
    this.#json = json;
    this.#place = place;
  }

  /** The object under this name; an empty one where there is none. */
  inside(name: string): FilterFields {
    return new FilterFields(this.#value(name) ?? {}, this.#path(name));
  }

  flag(name: string): boolean | undefined {
    const value = this.#value(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.#fault(name, 'must be true or false');
  }

  limit(name: string): number | undefined {
    const value = this.#value(name);
    if (value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)) return value;
    throw this.#fault(name, 'must be an integer, 0 or more');
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.#value(name);
    if (value === undefined) return undefined;
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined)
      throw this.#fault(name, `must be one of ${choices.map((text) => `"${text}"`).join(', ')}`);
    return choice;
  }

  strings(name: string): readonly string[] | undefined {
    const value = this.#value(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string')) {
      throw this.#fault(name, 'must be a list of strings');
    }
    if (value.length > MAX_LIST_ENTRIES) throw this.#fault(name, `may have ${MAX_LIST_ENTRIES} entries at most`);
    if (value.some((entry) => entry.length > MAX_TEXT_LENGTH)) {
      throw this.#fault(name, `has an entry of more than ${MAX_TEXT_LENGTH} characters`);
    }
    return Object.freeze([...value]);
  }

  userIds(name: string): readonly string[] | undefined {
    const values = this.strings(name);
    const wrong = values?.find((value) => asUserId(value) === undefined);
    if (wrong !== undefined) throw this.#fault(name, `holds ${shown(wrong)}, which is not a user ID`);
    return values;
  }

  roomIds(name: string): readonly string[] | undefined {
    const values = this.strings(name);
    const wrong = values?.find((value) => asRoomId(value) === undefined);
    if (wrong !== undefined) throw this.#fault(name, `holds ${shown(wrong)}, which is not a room ID`);
    return values;
  }

  #value(name: string): JsonValue | undefined {
    return Object.hasOwn(this.#json, name) ? (this.#json[name] ?? undefined) : undefined;
  }

  #path(name: string): string {
    return this.#place === '' ? name : `${this.#place}.${name}`;
  }

  #fault(name: string, text: string): MatrixError {
    return new MatrixError('M_BAD_JSON', `"${this.#path(name)}" of the filter ${text}.`);
  }
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
