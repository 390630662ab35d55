/** Longest word, in characters; what is longer is cut. */
const MAX_WORD_LENGTH = 64;
/** So many characters of a text are looked at. */
const MAX_TEXT_LENGTH = 20_000;
/** Marks on letters that do not make other words of them: `é` is found as `e`. */
const DIACRITICS = /[\u0300-\u036f]/g;
/** Writing without spaces between words: each letter or digit is a word. These scripts have symbols, too. */
const SCRIPTS = String.raw`[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}]`;
const UNSPACED = String.raw`(?=[\p{L}\p{N}])${SCRIPTS}\p{M}*`;
const WORD = new RegExp(`${UNSPACED}|(?:(?!${UNSPACED})[\\p{L}\\p{N}\\p{M}])+`, 'gu');
/** What stands for a room in the index: no word of a text may look like it. */
const ROOM_WORD = /^zqroom\d+$/;

/**
 * The words of a text as they are searched: letters and digits alone, without case and accents, in their order. The
 * same for what is indexed and what is looked for, and for all databases.
 */
export function wordsIn(text: string): string[] {
  const plain = text.slice(0, MAX_TEXT_LENGTH).toWellFormed().normalize('NFKD').replaceAll(DIACRITICS, '');
  const words = plain.toLowerCase().normalize('NFC').match(WORD) ?? [];
  return words.map((word) => [...word].slice(0, MAX_WORD_LENGTH).join('')).filter((word) => !ROOM_WORD.test(word));
}

/** The word that stands for a room. */
export function roomWord(roomNid: number): string {
  return `zqroom${roomNid}`;
}
