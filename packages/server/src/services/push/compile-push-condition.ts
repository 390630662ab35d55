import type { PowerLevels } from '@limpet/protocol/authorization/power-levels';
import type { JsonValue } from '@limpet/protocol/json';
import { compileGlob, compileLiteral } from './compile-glob.ts';
import { BODY_KEY, type PushEvent, parsePropertyPath } from './push-event.ts';
import type { PushCondition } from './push-rule.ts';

/** Longer display names are not looked for in texts. */
export const MAX_MATCHED_NAME_CHARACTERS = 256;

/** The user whose rules are asked, and the room, at the time of an event. */
export interface PushContext {
  /** In the room; `undefined` when there is none. */
  readonly displayName: string | undefined;
  /** How many are joined to the room. */
  readonly memberCount: number;
  readonly powerLevels: PowerLevels;
  /** Whether the user is subscribed to the event's thread; `undefined` for an event in none. */
  readonly followsThread: boolean | undefined;
}

export type CompiledCondition = (event: PushEvent, context: PushContext) => boolean;

/** A condition of an unknown kind, or one that makes no sense, never holds. Specification: "Conditions". */
export function compilePushCondition(condition: PushCondition): CompiledCondition {
  const { kind, key } = condition;
  switch (kind) {
    case 'event_match':
      return compileEventMatch(key, condition.pattern);
    case 'event_property_is':
      return compilePropertyIs(key, condition.value);
    case 'event_property_contains':
      return compilePropertyContains(key, condition.value);
    case 'contains_display_name':
      return containsDisplayName;
    case 'room_member_count':
      return compileMemberCount(condition.is);
    case 'sender_notification_permission':
      if (typeof key !== 'string') return never;
      return (event, { powerLevels }) => powerLevels.levelOf(event.sender) >= powerLevels.requiredToNotify(key);
    case 'io.element.msc4306.thread_subscription':
    case 'thread_subscription':
      return compileThreadSubscription(condition.subscribed);
    default:
      return never;
  }
}

/** Specification: MSC4306, "New Push Rules". */
function compileThreadSubscription(subscribed: JsonValue | undefined): CompiledCondition {
  if (typeof subscribed !== 'boolean') return never;
  return (_, { followsThread }) => followsThread === subscribed;
}

function never(): boolean {
  return false;
}

/** `content.body` is searched for the pattern; any other property has to match as a whole. */
export function compileEventMatch(key: JsonValue | undefined, pattern: JsonValue | undefined): CompiledCondition {
  if (typeof key !== 'string' || typeof pattern !== 'string') return never;
  const path = parsePropertyPath(key);
  const glob = compileGlob(pattern);
  const matches = key === BODY_KEY ? glob.matchesWords : glob.matchesWhole;
  return (event) => {
    const text = event.loweredText(key, path);
    return text !== undefined && matches(text);
  };
}

function compilePropertyIs(key: JsonValue | undefined, value: JsonValue | undefined): CompiledCondition {
  if (typeof key !== 'string' || !isSimple(value)) return never;
  const path = parsePropertyPath(key);
  return (event) => event.value(path) === value;
}

function compilePropertyContains(key: JsonValue | undefined, value: JsonValue | undefined): CompiledCondition {
  if (typeof key !== 'string' || !isSimple(value)) return never;
  const path = parsePropertyPath(key);
  return (event) => {
    const list = event.value(path);
    return Array.isArray(list) && list.includes(value);
  };
}

function isSimple(value: JsonValue | undefined): value is string | number | boolean | null {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value);
}

function containsDisplayName(event: PushEvent, { displayName }: PushContext): boolean {
  const body = event.loweredBody;
  if (body === undefined || displayName === undefined || displayName === '') return false;
  if (displayName.length > MAX_MATCHED_NAME_CHARACTERS) return false;
  return compileLiteral(displayName).matchesWords(body);
}

const COMPARISONS: Readonly<Record<string, (count: number, than: number) => boolean>> = {
  '': (count, than) => count === than,
  '==': (count, than) => count === than,
  '<': (count, than) => count < than,
  '>': (count, than) => count > than,
  '<=': (count, than) => count <= than,
  '>=': (count, than) => count >= than,
};

function compileMemberCount(is: JsonValue | undefined): CompiledCondition {
  const [, comparison = '', digits] = /^(==|<=|>=|<|>)?(\d{1,15})$/.exec(typeof is === 'string' ? is : '') ?? [];
  const compare = COMPARISONS[comparison];
  if (digits === undefined || compare === undefined) return never;
  const than = Number(digits);
  return (_, { memberCount }) => compare(memberCount, than);
}
