/**
 * Which state a client wants to have of a room: MSC4186, `required_state`. A rule is kept as a text, so that equal
 * rules are equal texts, and what was told of a room can be held against what is wanted now.
 */
export interface StateRule {
  /** Members are told as they are needed, and as they change. */
  readonly isLazy: boolean;
  /** What it may match: everything, or all of some types and some slots beside them. */
  readonly reach: StateReach;
  matches(type: string, stateKey: string): boolean;
}

export interface StateReach {
  readonly isEverything: boolean;
  readonly types: readonly string[];
  readonly slots: readonly StateElement[];
}

export interface StateElement {
  readonly type: string;
  readonly stateKey: string;
}

/** A type and a state key, `null` for any. */
export type StatePattern = readonly [type: string | null, stateKey: string | null];

export interface StateRuleParts {
  readonly include: readonly StatePattern[];
  readonly exclude: readonly StatePattern[];
  readonly isLazy: boolean;
}

export function formatStateRule({ include, exclude, isLazy }: StateRuleParts): string {
  return JSON.stringify([sorted(include), sorted(exclude), isLazy ? 1 : 0]);
}

/** Reads what `formatStateRule` wrote. */
export function readStateRuleParts(text: string): StateRuleParts {
  const [include, exclude, lazy] = JSON.parse(text) as [StatePattern[], StatePattern[], number];
  return { include, exclude, isLazy: lazy === 1 };
}

export function readStateRule(text: string): StateRule {
  const { include, exclude, isLazy } = readStateRuleParts(text);
  const [isIncluded, isExcluded] = [matcher(include), matcher(exclude)];
  return {
    isLazy,
    reach: reachOf(include),
    matches: (type, stateKey) => isIncluded(type, stateKey) && !isExcluded(type, stateKey),
  };
}

function sorted(patterns: readonly StatePattern[]): readonly StatePattern[] {
  const byText = new Map(patterns.map((pattern) => [JSON.stringify(pattern), pattern]));
  return [...byText.keys()].sort().map((text) => byText.get(text) ?? [null, null]);
}

/** A look-up or two, however many patterns there are: a client may send hundreds for rooms with thousands of slots. */
function matcher(patterns: readonly StatePattern[]): (type: string, stateKey: string) => boolean {
  const types = new Set<string>();
  const stateKeys = new Set<string>();
  const slots = new Set<string>();
  let isEverything = false;
  for (const [type, stateKey] of patterns) {
    if (type === null && stateKey === null) isEverything = true;
    else if (type === null) stateKeys.add(stateKey ?? '');
    else if (stateKey === null) types.add(type);
    else slots.add(JSON.stringify([type, stateKey]));
  }
  return (type, stateKey) =>
    isEverything ||
    types.has(type) ||
    stateKeys.has(stateKey) ||
    (slots.size > 0 && slots.has(JSON.stringify([type, stateKey])));
}

function reachOf(include: readonly StatePattern[]): StateReach {
  const types = include.flatMap(([type, stateKey]) => (type !== null && stateKey === null ? [type] : []));
  const slots = include.flatMap(([type, stateKey]) =>
    type !== null && stateKey !== null && !types.includes(type) ? [{ type, stateKey }] : [],
  );
  return { isEverything: include.some(([type]) => type === null), types, slots };
}
