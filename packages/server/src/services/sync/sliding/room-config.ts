import type { RoomRule } from './sliding-request.ts';
import { readStateRule, type StateRule } from './state-rule.ts';

/** What is told of one room: all rules that it matches together. Specification: MSC4186, "Combining room configs". */
export class RoomConfig {
  /** The rules that it was made from. */
  readonly from: readonly RoomRule[];
  readonly timelineLimit: number;
  /** As `state-rule.ts` writes them; sorted, each once. What one of them asks for is told. */
  readonly stateRules: readonly string[];
  #rules: readonly StateRule[] | undefined;

  constructor(rules: readonly RoomRule[]) {
    this.from = rules;
    this.timelineLimit = Math.max(...rules.map((rule) => rule.timelineLimit));
    this.stateRules = [...new Set(rules.map((rule) => rule.stateRule))].sort();
  }

  /** Read when the first room needs them: of most rooms there is nothing to tell. */
  get rules(): readonly StateRule[] {
    this.#rules ??= this.stateRules.map(readStateRule);
    return this.#rules;
  }
}
