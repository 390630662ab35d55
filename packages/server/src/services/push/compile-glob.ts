/**
 * Glob patterns: `*` is any number of characters, `?` is one. Letter case does not count.
 *
 * Patterns come from users and meet texts from other users, so no regular expression is made of them: the search is
 * bit-parallel (Shift-And) and takes one step for each character and each 31 characters of pattern, whatever they are.
 * Specification: appendices, "Glob-style matching"; client-server API, "Conditions".
 */

/** Longest literal that the built-in search of texts is asked for: at its worst it takes a step for each pair. */
const MAX_SEARCHED_CHARACTERS = 16;

export interface Glob {
  /** The whole text, which is in lower case already. */
  matchesWhole(text: string): boolean;
  /** A stretch of the text (in lower case) that starts and ends at a word boundary. */
  matchesWords(text: string): boolean;
}

export function compileGlob(pattern: string): Glob {
  const lowered = pattern.toLowerCase();
  const isLiteral = !/[*?]/.test(lowered);
  const segments = lowered.split('*').map((segment) => compileSegment([...segment].map(wildcardOrCharacter)));
  return {
    matchesWhole: (text) => (isLiteral ? text === lowered : matchSegments(segments, text, isEdge)),
    matchesWords: (text) => {
      if (isLiteral && isPlainlyAbsent(lowered, text)) return false;
      return matchSegments(segments, text, isWordBoundary);
    },
  };
}

/** Matches this very text, in which `*` and `?` stand for themselves. */
export function compileLiteral(literal: string): Glob {
  const lowered = literal.toLowerCase();
  const segments = [compileSegment([...lowered])];
  return {
    matchesWhole: (text) => text === lowered,
    matchesWords: (text) => !isPlainlyAbsent(lowered, text) && matchSegments(segments, text, isWordBoundary),
  };
}

/** The built-in search is much faster on what people write; on what they make up, only for short patterns. */
function isPlainlyAbsent(literal: string, text: string): boolean {
  return literal.length <= MAX_SEARCHED_CHARACTERS && !text.includes(literal);
}

/** The start or end of a text, or a place beside a character that is none of A-Z, a-z, 0-9 and `_`. */
export function isWordBoundary(text: string, at: number): boolean {
  return isEdge(text, at) || !isWordCharacter(text.charCodeAt(at - 1)) || !isWordCharacter(text.charCodeAt(at));
}

export function isWordCharacter(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x5f || (code >= 0x41 && code <= 0x5a)
  );
}

function isEdge(text: string, at: number): boolean {
  return at === 0 || at === text.length;
}

const BITS = 31;
const TOP_BIT = 1 << (BITS - 1);

/** A stretch of pattern without `*`, as one bit for each character it has. */
interface Segment {
  readonly length: number;
  /** For each character the places where it may stand. */
  readonly places: ReadonlyMap<string, Int32Array>;
  /** The places of `?`, where any character may stand. */
  readonly anyPlaces: Int32Array;
}

function wildcardOrCharacter(character: string): string | undefined {
  return character === '?' ? undefined : character;
}

function compileSegment(characters: readonly (string | undefined)[]): Segment {
  const words = Math.ceil(characters.length / BITS);
  const anyPlaces = new Int32Array(words);
  characters.forEach((character, index) => {
    if (character === undefined) setBit(anyPlaces, index);
  });
  const places = new Map<string, Int32Array>();
  characters.forEach((character, index) => {
    if (character === undefined) return;
    let bits = places.get(character);
    if (bits === undefined) {
      bits = anyPlaces.slice();
      places.set(character, bits);
    }
    setBit(bits, index);
  });
  return { length: characters.length, places, anyPlaces };
}

function setBit(bits: Int32Array, index: number): void {
  const word = Math.floor(index / BITS);
  bits[word] = (bits[word] ?? 0) | (1 << (index % BITS));
}

type Border = (text: string, at: number) => boolean;

/**
 * The earliest end of each segment leaves the most to those after it, so taking that is enough. The first one has to
 * start at a border and the last one to end at one; for an edge as border, these are the start and the end of the text.
 */
function matchSegments(segments: readonly Segment[], text: string, border: Border): boolean {
  let at = 0;
  for (const [index, segment] of segments.entries()) {
    const isFirst = index === 0;
    const isLast = index === segments.length - 1;
    // Where a `*` goes before, or after, an empty segment reaches the edge of the text, which is a border.
    if (segment.length === 0 && segments.length > 1) continue;
    const mayStart = (place: number) => !isFirst || border(text, place);
    const mayEnd = (place: number) => !isLast || border(text, place);
    at = findEnd(segment, text, { from: at, mayStart, mayEnd });
    if (at < 0) return false;
  }
  return true;
}

interface Search {
  readonly from: number;
  readonly mayStart: (at: number) => boolean;
  readonly mayEnd: (at: number) => boolean;
}

/** Where the first stretch that fits ends, or -1. */
function findEnd(segment: Segment, text: string, { from, mayStart, mayEnd }: Search): number {
  if (segment.length === 0) return text === '' ? 0 : -1;
  const words = segment.anyPlaces.length;
  const last = segment.length - 1;
  const lastWord = Math.floor(last / BITS);
  const lastBit = 1 << (last % BITS);
  const state = new Int32Array(words);
  for (let at = from; at < text.length; ) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    const fits = segment.places.get(character) ?? segment.anyPlaces;
    let carry = mayStart(at) ? 1 : 0;
    for (let word = 0; word < words; word++) {
      const before = state[word] ?? 0;
      state[word] = (((before & ~TOP_BIT) << 1) | carry) & (fits[word] ?? 0);
      carry = (before & TOP_BIT) === 0 ? 0 : 1;
    }
    at += character.length;
    if (((state[lastWord] ?? 0) & lastBit) !== 0 && mayEnd(at)) return at;
  }
  return -1;
}
