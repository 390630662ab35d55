import { localpartOf } from '@limpet/protocol/identifiers';
import { isWordBoundary, isWordCharacter } from './compile-glob.ts';
import { MAX_MATCHED_NAME_CHARACTERS } from './compile-push-condition.ts';

/**
 * The names of the local members of one room, to find who is named in a text in one pass over the text, however many
 * members there are. A name is found where it starts and ends at a word boundary; letter case does not count.
 */
export class NameIndex {
  readonly #displayNames = new Map<string, string | undefined>();
  /** By the first word of a name, or its first character where it does not start with a word. */
  readonly #byStart = new Map<string, NamesOfOneStart>();

  get size(): number {
    return this.#displayNames.size;
  }

  has(userId: string): boolean {
    return this.#displayNames.has(userId);
  }

  displayNameOf(userId: string): string | undefined {
    return this.#displayNames.get(userId);
  }

  /** Sets the display name of a member; the localpart of the ID is a name anyway. */
  set(userId: string, displayName: string | undefined): void {
    this.delete(userId);
    this.#displayNames.set(userId, displayName);
    for (const name of namesOf(userId, displayName)) this.#add(name, userId);
  }

  delete(userId: string): void {
    if (!this.#displayNames.has(userId)) return;
    for (const name of namesOf(userId, this.#displayNames.get(userId))) this.#remove(name, userId);
    this.#displayNames.delete(userId);
  }

  /** The members who are named in this text, which is in lower case. */
  usersNamedIn(text: string): Set<string> {
    const found = new Set<string>();
    for (let at = 0; at < text.length; ) {
      const start = startOfName(text, at);
      const names = this.#byStart.get(start);
      if (names !== undefined) collectAt(text, at, names, found);
      at += start.length;
    }
    return found;
  }

  #add(name: string, userId: string): void {
    const start = startOfName(name, 0);
    let names = this.#byStart.get(start);
    if (names === undefined) {
      names = { users: new Map(), lengths: new Map() };
      this.#byStart.set(start, names);
    }
    const users = names.users.get(name);
    if (users !== undefined) {
      users.add(userId);
      return;
    }
    names.users.set(name, new Set([userId]));
    names.lengths.set(name.length, (names.lengths.get(name.length) ?? 0) + 1);
  }

  #remove(name: string, userId: string): void {
    const start = startOfName(name, 0);
    const names = this.#byStart.get(start);
    const users = names?.users.get(name);
    if (names === undefined || users === undefined) return;
    users.delete(userId);
    if (users.size > 0) return;
    names.users.delete(name);
    const left = (names.lengths.get(name.length) ?? 1) - 1;
    if (left > 0) names.lengths.set(name.length, left);
    else names.lengths.delete(name.length);
    if (names.users.size === 0) this.#byStart.delete(start);
  }
}

interface NamesOfOneStart {
  readonly users: Map<string, Set<string>>;
  /**
   * Which lengths the names have, and how many have each: so many look-ups a place costs, not so many as there are
   * names.
   */
  readonly lengths: Map<number, number>;
}

function namesOf(userId: string, displayName: string | undefined): Set<string> {
  const names = new Set([localpartOf(userId).toLowerCase()]);
  if (displayName !== undefined && displayName.length <= MAX_MATCHED_NAME_CHARACTERS) {
    names.add(displayName.toLowerCase());
  }
  names.delete('');
  return names;
}

/** The whole word at this place, or the one character that belongs to no word. */
function startOfName(text: string, at: number): string {
  let end = at;
  while (end < text.length && isWordCharacter(text.charCodeAt(end))) end++;
  return text.slice(at, end === at ? at + 1 : end);
}

function collectAt(text: string, at: number, names: NamesOfOneStart, found: Set<string>): void {
  for (const length of names.lengths.keys()) {
    if (at + length > text.length || !isWordBoundary(text, at + length)) continue;
    for (const userId of names.users.get(text.slice(at, at + length)) ?? []) found.add(userId);
  }
}
