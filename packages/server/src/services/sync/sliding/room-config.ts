import type { RoomRule } from './sliding-request.ts';

/** What is told of one room: all rules that it matches together. Specification: MSC4186, "Combining room configs". */
export interface RoomConfig {
  readonly timelineLimit: number;
  /** As `state-rule.ts` writes them; sorted, each once. What one of them asks for is told. */
  readonly stateRules: readonly string[];
}

/** Combines rules. The rooms of one list share one value: there may be thousands. */
export class RoomConfigs {
  readonly #rules = new Map<number, RoomRule[]>();
  readonly #configs = new Map<string, RoomConfig>();

  add(roomNid: number, rule: RoomRule): void {
    const rules = this.#rules.get(roomNid);
    if (rules === undefined) this.#rules.set(roomNid, [rule]);
    else rules.push(rule);
  }

  /** By room nid. */
  *all(): Iterable<readonly [roomNid: number, config: RoomConfig]> {
    for (const [roomNid, rules] of this.#rules) yield [roomNid, this.#combined(rules)];
  }

  #combined(rules: readonly RoomRule[]): RoomConfig {
    const timelineLimit = Math.max(...rules.map((rule) => rule.timelineLimit));
    const stateRules = [...new Set(rules.map((rule) => rule.stateRule))].sort();
    const key = JSON.stringify([timelineLimit, stateRules]);
    const known = this.#configs.get(key);
    if (known !== undefined) return known;
    const config = { timelineLimit, stateRules };
    this.#configs.set(key, config);
    return config;
  }
}
