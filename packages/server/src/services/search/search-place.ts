import { MatrixError } from '@limpet/protocol/matrix-error';

/** The results that belong together. */
export interface SearchGroup {
  readonly key: 'room_id' | 'sender';
  readonly value: string;
}

/** Where the next page of a search begins. */
export interface SearchPlace {
  /** Events with a number below this are looked at. */
  readonly before: number;
  /** So many results of those were given already. */
  readonly given: number;
  /** Results found among events with greater numbers. */
  readonly foundBefore: number;
  /** Only results of this group follow. */
  readonly group: SearchGroup | undefined;
}

/** Longest token we take, in characters: a group's value has at most 255 bytes. */
const MAX_TOKEN_LENGTH = 1_000;
const NUMBER = /^[0-9a-z]{1,10}$/;
const LETTER_OF_KEY = { room_id: 'r', sender: 's' } as const;

/** `q1_TAG_BEFORE_GIVEN_FOUND[_rROOM|_sSENDER]`: numbers in base 36, the value of a group in base64url. */
export function formatSearchPlace({ before, given, foundBefore, group }: SearchPlace, databaseTag: string): string {
  const numbers = [before, given, foundBefore].map((number) => number.toString(36)).join('_');
  const of = group && `_${LETTER_OF_KEY[group.key]}${Buffer.from(group.value).toString('base64url')}`;
  return `q1_${databaseTag}_${numbers}${of ?? ''}`;
}

/** @throws MatrixError M_INVALID_PARAM for what `formatSearchPlace` of this database has not made. */
export function parseSearchPlace(text: string, databaseTag: string): SearchPlace {
  const [kind, tag, before = '', given = '', foundBefore = '', ...rest] = text.split('_');
  const numbers = [before, given, foundBefore];
  const group = rest.length === 0 ? undefined : parseGroup(rest.join('_'));
  const isOurs = text.length <= MAX_TOKEN_LENGTH && kind === 'q1' && tag === databaseTag;
  if (!isOurs || !numbers.every((number) => NUMBER.test(number)) || (rest.length > 0 && group === undefined)) {
    throw new MatrixError('M_INVALID_PARAM', 'next_batch is not one that a search here has given. Search anew.');
  }
  const [first = 0, second = 0, third = 0] = numbers.map((number) => Number.parseInt(number, 36));
  return { before: first, given: second, foundBefore: third, group };
}

function parseGroup(text: string): SearchGroup | undefined {
  const value = Buffer.from(text.slice(1), 'base64url').toString();
  if (value === '') return undefined;
  if (text.startsWith('r')) return { key: 'room_id', value };
  return text.startsWith('s') ? { key: 'sender', value } : undefined;
}
