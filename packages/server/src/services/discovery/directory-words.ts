import { localpartOf } from '@limpet/protocol/identifiers';

/** What is looked for, in characters; what is longer is no name. */
const MAX_TERM_LENGTH = 256;
/** Letters of a name that the directory looks at, and of an ID. */
const MAX_LETTERS = 64;
/** After these a word begins. */
const BETWEEN_WORDS = /[^\p{L}\p{N}]/u;

export interface DirectoryWord {
  readonly word: string;
  /** Whether it begins within another word. */
  readonly isInner: boolean;
}

/** Lower case, and without what marks letters in one script or another. */
export function fold(text: string): string {
  return text
    .toWellFormed()
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase();
}

/** The words of what is looked for. */
export function termWords(term: string): string[] {
  return fold(term.slice(0, MAX_TERM_LENGTH)).split(/\s+/).filter(isSome);
}

/**
 * What a user is found by: each word of name and ID, from its first letter on, from its second, and so on. So whoever
 * looks for the beginnings of these finds all that has the text anywhere.
 */
export function directoryWords(userId: string, displayName: string | undefined): DirectoryWord[] {
  const isInnerOf = new Map<string, boolean>();
  for (const text of [localpartOf(userId), displayName ?? '']) {
    const folded = [...fold(text.slice(0, MAX_LETTERS))].slice(0, MAX_LETTERS).join('');
    for (const chunk of folded.split(/\s+/).filter(isSome)) {
      const letters = [...chunk];
      for (const [index, letter] of letters.entries()) {
        const previous = letters[index - 1];
        const isInner = previous !== undefined && (!BETWEEN_WORDS.test(previous) || BETWEEN_WORDS.test(letter));
        const word = letters.slice(index).join('');
        isInnerOf.set(word, isInner && isInnerOf.get(word) !== false);
      }
    }
  }
  return [...isInnerOf].map(([word, isInner]) => ({ word, isInner }));
}

function isSome(text: string): boolean {
  return text !== '';
}
