/**
 * What the push rules of a user say about an event. Encrypted events are judged as they are.
 * Specification: client-server API, "Push rules".
 */

import type { PushContext } from './compile-push-condition.ts';
import { type CompiledCondition, compileEventMatch, compilePushCondition } from './compile-push-condition.ts';
import { LEGACY_MENTION_RULES, MASTER_RULE } from './default-push-rules.ts';
import type { PushEvent } from './push-event.ts';
import { PUSH_RULE_KINDS, type PushAction, type PushRule, type PushRuleKind, type PushRuleset } from './push-rule.ts';

/** The enabled rules of a ruleset in the order in which they are checked; made once for each change of the rules. */
export type CompiledPushRules = readonly CompiledRule[];

interface CompiledRule {
  readonly conditions: readonly CompiledCondition[];
  readonly actions: readonly PushAction[];
  /** Holds only for events without `m.mentions`. */
  readonly isLegacyMention: boolean;
}

export function compilePushRules(ruleset: Partial<PushRuleset>): CompiledPushRules {
  const rules = PUSH_RULE_KINDS.flatMap((kind) => (ruleset[kind] ?? []).map((rule) => ({ kind, rule })));
  const enabled = rules.filter(({ rule }) => rule.enabled);
  // The master rule matches everything, so nothing is left behind it.
  const master = enabled.find(({ rule }) => rule.rule_id === MASTER_RULE);
  return (master === undefined ? enabled : [master]).map(compileRule);
}

/** The actions of the first rule that matches; none when no rule does. Whoever sent the event is not asked. */
export function evaluatePushRules(
  rules: CompiledPushRules,
  event: PushEvent,
  context: PushContext,
): readonly PushAction[] {
  for (const { conditions, actions, isLegacyMention } of rules) {
    if (isLegacyMention && event.hasMentions) continue;
    if (conditions.every((holds) => holds(event, context))) return actions;
  }
  return NO_ACTIONS;
}

const NO_ACTIONS: readonly PushAction[] = [];

/** The default rules are the same objects for all users, and are compiled once. */
const compiled = new WeakMap<PushRule, CompiledRule>();

function compileRule({ kind, rule }: { kind: PushRuleKind; rule: PushRule }): CompiledRule {
  let made = compiled.get(rule);
  if (made === undefined) {
    const isLegacyMention = LEGACY_MENTION_RULES.has(rule.rule_id);
    made = { conditions: conditionsOf(kind, rule), actions: rule.actions, isLegacyMention };
    compiled.set(rule, made);
  }
  return made;
}

function conditionsOf(kind: PushRuleKind, rule: PushRule): CompiledCondition[] {
  switch (kind) {
    case 'content':
      return [compileEventMatch('content.body', rule.pattern)];
    case 'room':
      return [(event) => event.value(ROOM_ID) === rule.rule_id];
    case 'sender':
      return [(event) => event.sender === rule.rule_id];
    default:
      return (rule.conditions ?? []).map(compilePushCondition);
  }
}

const ROOM_ID = ['room_id'];
