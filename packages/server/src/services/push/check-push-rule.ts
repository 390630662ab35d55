import { isLongerThan } from '@limpet/protocol/identifiers';
import { isJsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { PushAction, PushCondition } from './push-rule.ts';
import type { NewPushRule } from './push-rule-changes.ts';

/** Longest name of a rule, in bytes of UTF-8; the longest room ID fits. */
const MAX_RULE_ID_BYTES = 255;
/** Longest pattern, in characters. */
const MAX_PATTERN_CHARACTERS = 512;
const MAX_ACTIONS = 32;
const MAX_CONDITIONS = 32;

/** Actions of older versions of the specification, which mean nothing any more. */
const HISTORICAL_ACTIONS: ReadonlySet<unknown> = new Set(['dont_notify', 'coalesce']);

/**
 * The rule as it is kept: without historical actions, and without what its kind does not have.
 *
 * @throws MatrixError M_INVALID_PARAM, M_MISSING_PARAM
 */
export function checkPushRule(rule: NewPushRule): NewPushRule {
  const { kind, ruleId } = rule;
  if (kind === 'postcontent') throw invalid('Rules of the kind "postcontent" are for the server to make.');
  checkRuleId(ruleId);
  const actions = checkActions(rule.actions);
  if (kind === 'content') {
    if (rule.pattern === undefined) {
      throw new MatrixError('M_MISSING_PARAM', 'A rule of the kind "content" needs a "pattern".');
    }
    checkPattern(rule.pattern);
    return { ...rule, actions, conditions: undefined };
  }
  const hasConditions = kind === 'override' || kind === 'underride';
  const conditions = hasConditions ? (rule.conditions ?? []) : undefined;
  if (conditions !== undefined) checkConditions(conditions);
  return { ...rule, actions, conditions, pattern: undefined };
}

/** The actions without historical ones. @throws MatrixError M_INVALID_PARAM */
export function checkActions(actions: readonly PushAction[]): readonly PushAction[] {
  if (actions.length > MAX_ACTIONS) throw invalid(`A rule may have ${MAX_ACTIONS} actions at most.`);
  const known = actions.filter((action) => !HISTORICAL_ACTIONS.has(action));
  for (const action of known) {
    const isTweak = isJsonObject(action) && typeof action.set_tweak === 'string';
    if (action !== 'notify' && !isTweak) {
      throw invalid('An action is "notify", or an object with a "set_tweak" that is a string.');
    }
  }
  return known;
}

function checkRuleId(ruleId: string): void {
  if (ruleId.startsWith('.')) throw invalid('Names that start with a dot are for the rules of the server.');
  if (/[/\\]/.test(ruleId)) throw invalid('The name of a rule has no slash and no backslash in it.');
  if (isLongerThan(ruleId, MAX_RULE_ID_BYTES)) {
    throw invalid(`The name of a rule may have ${MAX_RULE_ID_BYTES} bytes at most.`);
  }
}

function checkConditions(conditions: readonly PushCondition[]): void {
  if (conditions.length > MAX_CONDITIONS) throw invalid(`A rule may have ${MAX_CONDITIONS} conditions at most.`);
  // A condition of an unknown kind is kept: other clients, and later versions of the server, may know it.
  for (const { pattern } of conditions) if (typeof pattern === 'string') checkPattern(pattern);
}

function checkPattern(pattern: string): void {
  if (pattern.length > MAX_PATTERN_CHARACTERS) {
    throw invalid(`A pattern may have ${MAX_PATTERN_CHARACTERS} characters at most.`);
  }
}

function invalid(message: string): MatrixError {
  return new MatrixError('M_INVALID_PARAM', message);
}
