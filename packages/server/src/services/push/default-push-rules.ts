/**
 * The rules that every user has.
 * Specification: client-server API, "Predefined rules".
 */
import { localpartOf } from '@limpet/protocol/identifiers';
import type { PushAction, PushCondition, PushRule, PushRuleKind, PushRuleset } from './push-rule.ts';

/** Turns everything off; stands above the rules of the user himself. */
export const MASTER_RULE = '.m.rule.master';

/** They read the text for names, so they hold only for events that do not say whom they mention. */
export const LEGACY_MENTION_RULES: ReadonlySet<string> = new Set([
  '.m.rule.contains_display_name',
  '.m.rule.contains_user_name',
  '.m.rule.roomnotif',
]);

/** The default rules of this server. */
export interface DefaultPushRules {
  /** As this user gets them. */
  of(userId: string): PushRuleset;
  /** What they say to somebody whom an event does not name. */
  readonly impersonal: PushRuleset;
  /** Whether the server has a rule of this name among rules of this kind. */
  has(kind: PushRuleKind, ruleId: string): boolean;
}

export interface DefaultPushRulesOptions {
  /** Whether threads notify those who follow them, and nobody else (MSC4306). */
  readonly followThreads: boolean;
}

export function createDefaultPushRules({ followThreads }: DefaultPushRulesOptions): DefaultPushRules {
  const impersonal = followThreads ? { ...IMPERSONAL_PUSH_RULES, postcontent: THREAD_RULES } : IMPERSONAL_PUSH_RULES;
  return {
    impersonal,
    of: (userId) => ({ ...impersonal, ...personalPushRules(userId) }),
    has(kind, ruleId) {
      const rules = kind === 'content' ? [CONTAINS_USER_NAME] : impersonal[kind];
      return rules.some((rule) => rule.rule_id === ruleId);
    },
  };
}

function personalPushRules(userId: string): Pick<PushRuleset, 'override' | 'content'> {
  const conditions: Partial<Record<string, readonly PushCondition[]>> = {
    '.m.rule.invite_for_me': [...INVITE, matches('state_key', userId)],
    '.m.rule.is_user_mention': [
      { kind: 'event_property_contains', key: 'content.m\\.mentions.user_ids', value: userId },
    ],
  };
  const override = IMPERSONAL_PUSH_RULES.override.map((rule) => {
    const own = conditions[rule.rule_id];
    return own === undefined ? rule : { ...rule, conditions: own };
  });
  return { override, content: [{ ...CONTAINS_USER_NAME, pattern: localpartOf(userId) }] };
}

const HIGHLIGHT: PushAction = { set_tweak: 'highlight' };
const SOUND: PushAction = { set_tweak: 'sound', value: 'default' };
const RING: PushAction = { set_tweak: 'sound', value: 'ring' };

function matches(key: string, pattern: string): PushCondition {
  return { kind: 'event_match', key, pattern };
}

const INVITE: readonly PushCondition[] = [matches('type', 'm.room.member'), matches('content.membership', 'invite')];
const ROOM_PERMISSION: PushCondition = { kind: 'sender_notification_permission', key: 'room' };
const TWO_MEMBERS: PushCondition = { kind: 'room_member_count', is: '2' };

function rule(id: string, conditions: readonly PushCondition[], actions: readonly PushAction[]): PushRule {
  return { rule_id: `.m.rule.${id}`, default: true, enabled: true, conditions, actions };
}

/** Stands for what names the user: `defaultPushRules` fills it in, until then the rule matches nothing. */
const PERSONAL: readonly PushCondition[] = [{ kind: 'personal' }];

const CONTAINS_USER_NAME: PushRule = {
  rule_id: '.m.rule.contains_user_name',
  default: true,
  enabled: true,
  pattern: '',
  actions: ['notify', SOUND, HIGHLIGHT],
};

/** Between what names the user and what is said of rooms. Specification: MSC4306, "New Push Rules". */
const THREAD_RULES: readonly PushRule[] = [
  threadRule('unsubscribed_thread', false, []),
  threadRule('subscribed_thread', true, ['notify', SOUND]),
];

function threadRule(name: string, subscribed: boolean, actions: readonly PushAction[]): PushRule {
  const conditions = [{ kind: 'io.element.msc4306.thread_subscription', subscribed }];
  return { ...rule('', conditions, actions), rule_id: `.io.element.msc4306.rule.${name}` };
}

const IMPERSONAL_PUSH_RULES: PushRuleset = {
  override: [
    { ...rule('master', [], []), enabled: false },
    rule('suppress_notices', [matches('content.msgtype', 'm.notice')], []),
    rule('invite_for_me', PERSONAL, ['notify', SOUND]),
    rule('member_event', [matches('type', 'm.room.member')], []),
    rule('is_user_mention', PERSONAL, ['notify', SOUND, HIGHLIGHT]),
    rule('contains_display_name', [{ kind: 'contains_display_name' }], ['notify', SOUND, HIGHLIGHT]),
    rule(
      'is_room_mention',
      [{ kind: 'event_property_is', key: 'content.m\\.mentions.room', value: true }, ROOM_PERMISSION],
      ['notify', HIGHLIGHT],
    ),
    rule('roomnotif', [matches('content.body', '@room'), ROOM_PERMISSION], ['notify', HIGHLIGHT]),
    rule('tombstone', [matches('type', 'm.room.tombstone'), matches('state_key', '')], ['notify', HIGHLIGHT]),
    rule('reaction', [matches('type', 'm.reaction')], []),
    rule('room.server_acl', [matches('type', 'm.room.server_acl'), matches('state_key', '')], []),
    rule(
      'suppress_edits',
      [{ kind: 'event_property_is', key: 'content.m\\.relates_to.rel_type', value: 'm.replace' }],
      [],
    ),
  ],
  content: [],
  postcontent: [],
  room: [],
  sender: [],
  underride: [
    rule('call', [matches('type', 'm.call.invite')], ['notify', RING]),
    rule('encrypted_room_one_to_one', [TWO_MEMBERS, matches('type', 'm.room.encrypted')], ['notify', SOUND]),
    rule('room_one_to_one', [TWO_MEMBERS, matches('type', 'm.room.message')], ['notify', SOUND]),
    rule('message', [matches('type', 'm.room.message')], ['notify']),
    rule('encrypted', [matches('type', 'm.room.encrypted')], ['notify']),
  ],
};
