/**
 * What one user changed of the push rules: all that is kept of them. The default rules themselves come with the server.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { type DefaultPushRules, MASTER_RULE } from './default-push-rules.ts';
import {
  PUSH_RULE_KINDS,
  type PushAction,
  type PushCondition,
  type PushRule,
  type PushRuleKind,
  type PushRuleset,
} from './push-rule.ts';

export interface PushRuleChanges {
  /** The user's own rules by kind, most important first. */
  readonly rules: PushRuleset;
  /** By the name of a default rule. */
  readonly defaults: ReadonlyMap<string, Pick<PushRule, 'enabled' | 'actions'>>;
}

export const NO_CHANGES: PushRuleChanges = {
  rules: { override: [], content: [], postcontent: [], room: [], sender: [], underride: [] },
  defaults: new Map(),
};

export interface NewPushRule {
  readonly ruleId: string;
  readonly kind: PushRuleKind;
  readonly actions: readonly PushAction[];
  readonly conditions: readonly PushCondition[] | undefined;
  readonly pattern: string | undefined;
  /** Another rule of the user that the rule comes right before, or right after; `before` counts when both are there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export function hasChanges(changes: PushRuleChanges): boolean {
  return changes.defaults.size > 0 || PUSH_RULE_KINDS.some((kind) => changes.rules[kind].length > 0);
}

/**
 * The whole ruleset. The user's rules stand before the default ones; the master rule alone stands before everything.
 */
export function mergePushRules(changes: PushRuleChanges, defaults: PushRuleset): PushRuleset {
  const merge = (kind: PushRuleKind): PushRule[] => {
    const given = defaults[kind].map((rule) => {
      const changed = changes.defaults.get(rule.rule_id);
      return changed === undefined ? rule : { ...rule, ...changed };
    });
    const isMaster = (rule: PushRule) => rule.rule_id === MASTER_RULE;
    return [...given.filter(isMaster), ...changes.rules[kind], ...given.filter((rule) => !isMaster(rule))];
  };
  return {
    override: merge('override'),
    content: merge('content'),
    postcontent: merge('postcontent'),
    room: merge('room'),
    sender: merge('sender'),
    underride: merge('underride'),
  };
}

/**
 * Adds a rule, or changes the one of this name, which stays enabled or not as it is, and where it is unless told.
 *
 * @throws MatrixError M_UNKNOWN when `before` or `after` names no rule of the user.
 */
export function withRule(changes: PushRuleChanges, added: NewPushRule): PushRuleChanges {
  const { kind, ruleId, actions, conditions, pattern, before, after } = added;
  const list = changes.rules[kind];
  const known = list.find((rule) => rule.rule_id === ruleId);
  const rule: PushRule = {
    rule_id: ruleId,
    default: false,
    enabled: known?.enabled ?? true,
    actions,
    ...(conditions === undefined ? {} : { conditions }),
    ...(pattern === undefined ? {} : { pattern }),
  };
  const neighbour = before ?? after;
  if (known !== undefined && neighbour === undefined) {
    return withList(
      changes,
      kind,
      list.map((other) => (other === known ? rule : other)),
    );
  }
  const others = list.filter((other) => other !== known);
  const at = neighbour === undefined ? 0 : placeBeside(others, neighbour) + (before === undefined ? 1 : 0);
  return withList(changes, kind, others.toSpliced(at, 0, rule));
}

function placeBeside(rules: readonly PushRule[], neighbour: string): number {
  const at = rules.findIndex((rule) => rule.rule_id === neighbour);
  if (at < 0) {
    throw new MatrixError(
      'M_UNKNOWN',
      `There is no other rule of your own "${neighbour}" of this kind to put the rule before or after.`,
    );
  }
  return at;
}

/** @throws MatrixError M_NOT_FOUND when there is no such rule; M_INVALID_PARAM for a default one. */
export function withoutRule(
  changes: PushRuleChanges,
  { kind, ruleId }: PushRuleName,
  defaults: DefaultPushRules,
): PushRuleChanges {
  if (defaults.has(kind, ruleId)) {
    throw new MatrixError('M_INVALID_PARAM', 'Default push rules cannot be removed; they can be disabled.');
  }
  const list = changes.rules[kind].filter((rule) => rule.rule_id !== ruleId);
  if (list.length === changes.rules[kind].length) throw ruleNotFound();
  return withList(changes, kind, list);
}

export interface PushRuleName {
  readonly userId: string;
  readonly kind: PushRuleKind;
  readonly ruleId: string;
}

/** Enables or disables a rule, default or not, or gives it other actions. @throws MatrixError M_NOT_FOUND */
export function withSettings(
  changes: PushRuleChanges,
  { userId, kind, ruleId }: PushRuleName,
  settings: Partial<Pick<PushRule, 'enabled' | 'actions'>>,
  ofServer: DefaultPushRules,
): PushRuleChanges {
  if (!ofServer.has(kind, ruleId)) {
    const list = changes.rules[kind];
    if (!list.some((rule) => rule.rule_id === ruleId)) throw ruleNotFound();
    return withList(
      changes,
      kind,
      list.map((rule) => (rule.rule_id === ruleId ? { ...rule, ...settings } : rule)),
    );
  }
  const given = ofServer.of(userId)[kind].find((rule) => rule.rule_id === ruleId);
  if (given === undefined) throw new Error(`There is no default push rule ${ruleId}`);
  const { enabled, actions } = { ...given, ...changes.defaults.get(ruleId), ...settings };
  const defaults = new Map(changes.defaults);
  // Who is back at what the server gives has changed nothing: later versions of the rule reach him again.
  const isAsGiven = enabled === given.enabled && JSON.stringify(actions) === JSON.stringify(given.actions);
  if (isAsGiven) defaults.delete(ruleId);
  else defaults.set(ruleId, { enabled, actions });
  return { ...changes, defaults };
}

export function ruleNotFound(): MatrixError {
  return new MatrixError('M_NOT_FOUND', 'There is no push rule of this kind and name.');
}

function withList(changes: PushRuleChanges, kind: PushRuleKind, list: readonly PushRule[]): PushRuleChanges {
  return { ...changes, rules: { ...changes.rules, [kind]: list } };
}

/** As it is kept. */
export function writeChanges(changes: PushRuleChanges): string {
  return JSON.stringify({ rules: changes.rules, defaults: Object.fromEntries(changes.defaults) });
}

/** Reads what `writeChanges` wrote. What is not of that form (foreign data, moved here) is no change. */
export function readChanges(json: string): PushRuleChanges {
  const stored: JsonValue = JSON.parse(json);
  if (!isJsonObject(stored) || !isJsonObject(stored.rules) || !isJsonObject(stored.defaults)) return NO_CHANGES;
  const { rules } = stored;
  const list = (kind: PushRuleKind) => (Array.isArray(rules[kind]) ? (rules[kind] as JsonObject[]) : []);
  return {
    rules: Object.fromEntries(PUSH_RULE_KINDS.map((kind) => [kind, list(kind)])) as unknown as PushRuleset,
    defaults: new Map(Object.entries(stored.defaults)) as unknown as PushRuleChanges['defaults'],
  };
}
