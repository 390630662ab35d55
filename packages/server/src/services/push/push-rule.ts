/**
 * Push rules as clients see them.
 * Specification: client-server API, "Push rules".
 */
import type { JsonObject, JsonValue } from '@limpet/protocol/json';

/** In the order in which they are checked. */
export const PUSH_RULE_KINDS = ['override', 'content', 'postcontent', 'room', 'sender', 'underride'] as const;

export type PushRuleKind = (typeof PUSH_RULE_KINDS)[number];

export interface PushRule {
  readonly rule_id: string;
  /** Whether the server made it. */
  readonly default: boolean;
  readonly enabled: boolean;
  readonly actions: readonly PushAction[];
  /** Of `override`, `postcontent` and `underride` rules alone. */
  readonly conditions?: readonly PushCondition[];
  /** Of `content` rules alone. */
  readonly pattern?: string;
}

/** `notify`, or a tweak: `{ set_tweak, value }`. */
export type PushAction = string | JsonObject;

/** By `kind`; one that we do not know never matches. */
export type PushCondition = JsonObject;

export type PushRuleset = Readonly<Record<PushRuleKind, readonly PushRule[]>>;

/** As clients are given them: what the server has no rules for is not there. */
export type PushRulesOfUser = Omit<PushRuleset, 'postcontent'> & Partial<Pick<PushRuleset, 'postcontent'>>;

/** What the actions of a rule mean for unread counts. */
export interface PushOutcome {
  readonly notifies: boolean;
  /** Never without `notifies`. */
  readonly highlights: boolean;
}

export const SILENT: PushOutcome = { notifies: false, highlights: false };

export function outcomeOf(actions: readonly PushAction[]): PushOutcome {
  if (!actions.includes('notify')) return SILENT;
  return { notifies: true, highlights: actions.some(isHighlight) };
}

/** A highlight without a value is `true`. */
function isHighlight(action: PushAction): boolean {
  if (typeof action === 'string' || action.set_tweak !== 'highlight') return false;
  const value: JsonValue | undefined = action.value;
  return value === undefined || value === true;
}
