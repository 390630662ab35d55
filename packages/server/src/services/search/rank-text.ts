import type { SearchWord } from '../../storage/storage-adapter.ts';
import { wordsIn } from './words-in.ts';

/** How much less the beginning of a word counts than the word. */
const BEGINNING_WEIGHT = 0.5;
/** How soon it ceases to count that a word comes again, and how many words are usual; as in BM25. */
const SATURATION = 1.2;
const LENGTH_WEIGHT = 0.75;
const USUAL_LENGTH = 20;
const DECIMALS = 10_000;

export interface Ranked {
  /** Higher is closer. */
  readonly rank: number;
  /** The words of the text that were meant. */
  readonly words: ReadonlySet<string>;
}

/** How closely a text answers a search; it does not depend on other texts, so that it is the same on every page. */
export function rankText(text: string, wanted: readonly SearchWord[]): Ranked {
  const words = wordsIn(text);
  const found = new Set<string>();
  const long = 1 - LENGTH_WEIGHT + (LENGTH_WEIGHT * words.length) / USUAL_LENGTH;
  let rank = 0;
  for (const { text: word, isBeginning } of wanted) {
    let times = 0;
    for (const one of words) {
      if (one !== word && !(isBeginning && one.startsWith(word))) continue;
      times += one === word ? 1 : BEGINNING_WEIGHT;
      found.add(one);
    }
    rank += (times * (SATURATION + 1)) / (times + SATURATION * long);
  }
  return { rank: Math.round(rank * DECIMALS) / DECIMALS, words: found };
}
