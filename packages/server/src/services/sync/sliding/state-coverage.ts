import { readStateRuleParts, type StatePattern, type StateRuleParts } from './state-rule.ts';

/** What was found out of lists of rules; rooms share them by the thousand. */
const known = new WeakMap<readonly string[], WeakMap<readonly string[], boolean>>();

/** Whether who was told the state of some rules has all that others ask for. When in doubt: no. */
export function coversState(told: readonly string[], wanted: readonly string[]): boolean {
  if (told === wanted) return true;
  const ofTold = known.get(told) ?? new WeakMap<readonly string[], boolean>();
  known.set(told, ofTold);
  const covers = ofTold.get(wanted) ?? compare(told, wanted);
  ofTold.set(wanted, covers);
  return covers;
}

function compare(told: readonly string[], wanted: readonly string[]): boolean {
  const missing = wanted.filter((rule) => !told.includes(rule)).map(readStateRuleParts);
  if (missing.length === 0) return true;
  const given = told.map(readStateRuleParts);
  if (missing.some(({ isLazy }) => isLazy) && !given.some(({ isLazy }) => isLazy)) return false;
  const patterns = new Set(given.filter(isWithoutExceptions).flatMap(({ include }) => include.map(textOf)));
  return missing.every(({ include }) => include.every((pattern) => broader(pattern).some((one) => patterns.has(one))));
}

function isWithoutExceptions({ exclude }: StateRuleParts): boolean {
  return exclude.length === 0;
}

/** The pattern itself, and those that match whatever it matches. */
function broader([type, stateKey]: StatePattern): string[] {
  const patterns: StatePattern[] = [
    [type, stateKey],
    [type, null],
    [null, stateKey],
    [null, null],
  ];
  return patterns.map(textOf);
}

function textOf(pattern: StatePattern): string {
  return JSON.stringify(pattern);
}
