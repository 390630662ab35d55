import { PUSH_RULE_KINDS, type PushRuleset } from './push-rule.ts';

/** `compile-glob.ts` takes a step for each character of a text and each so many characters of a pattern. */
const CHARACTERS_PER_STEP = 31;

/** How many steps the patterns of these rules take for each character of a text that they are held against. */
export function patternWeight(rules: PushRuleset): number {
  const patterns = PUSH_RULE_KINDS.flatMap((kind) =>
    rules[kind].flatMap(({ pattern, conditions = [] }) => [
      pattern,
      ...conditions.map((condition) => condition.pattern),
    ]),
  );
  return patterns.reduce<number>(
    (sum, pattern) => sum + (typeof pattern === 'string' ? 1 + Math.floor(pattern.length / CHARACTERS_PER_STEP) : 0),
    0,
  );
}
