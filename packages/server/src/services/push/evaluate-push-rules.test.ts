import { PowerLevels } from '@limpet/protocol/authorization/power-levels';
import type { JsonObject } from '@limpet/protocol/json';
import { findRoomVersion } from '@limpet/protocol/room-version';
import { describe, expect, test } from 'vitest';
import { compilePushCondition, type PushContext } from './compile-push-condition.ts';
import { createDefaultPushRules } from './default-push-rules.ts';
import { compilePushRules, evaluatePushRules } from './evaluate-push-rules.ts';
import { PushEvent, parsePropertyPath } from './push-event.ts';
import { outcomeOf, PUSH_RULE_KINDS, type PushCondition, type PushRule, type PushRuleset } from './push-rule.ts';

const ALICE = '@alice:test';
const version = findRoomVersion('11');
if (version === undefined) throw new Error('There is no room version 11');
const powerLevels = new PowerLevels({ users: { '@admin:test': 100 } }, undefined, version);
const CONTEXT: PushContext = { displayName: 'Alice Liddell', memberCount: 5, powerLevels, followsThread: undefined };

const SOUND = { set_tweak: 'sound', value: 'default' };
const HIGHLIGHT = { set_tweak: 'highlight' };

function message(content: JsonObject, rest: JsonObject = {}): JsonObject {
  return { type: 'm.room.message', sender: '@bob:test', room_id: '!room:test', content, ...rest };
}

const state = (type: string, content: JsonObject = {}, stateKey = '') =>
  message(content, { type, state_key: stateKey });
const text = (body: string, more: JsonObject = {}) => message({ msgtype: 'm.text', body, ...more });
const byAdmin = (event: JsonObject) => ({ ...event, sender: '@admin:test' });
const mentions = (value: JsonObject) => ({ 'm.mentions': value });

function withDefaults(event: JsonObject, context: Partial<PushContext> = {}, change?: (rule: PushRule) => PushRule) {
  const rules = createDefaultPushRules({ followThreads: true }).of(ALICE);
  const changed = Object.fromEntries(
    PUSH_RULE_KINDS.map((kind) => [kind, rules[kind].map(change ?? ((rule) => rule))]),
  );
  const compiled = compilePushRules(changed as unknown as PushRuleset);
  return evaluatePushRules(compiled, new PushEvent(event), { ...CONTEXT, ...context });
}

describe('the default rules', () => {
  test.each<[string, JsonObject, Partial<PushContext>, unknown[]]>([
    ['message', text('hello'), {}, ['notify']],
    ['encrypted', message({}, { type: 'm.room.encrypted' }), {}, ['notify']],
    ['nothing for other events', message({}, { type: 'org.example' }), {}, []],
    ['room_one_to_one', text('hello'), { memberCount: 2 }, ['notify', SOUND]],
    ['encrypted_room_one_to_one', message({}, { type: 'm.room.encrypted' }), { memberCount: 2 }, ['notify', SOUND]],
    ['call', message({}, { type: 'm.call.invite' }), {}, ['notify', { set_tweak: 'sound', value: 'ring' }]],
    ['suppress_notices', message({ msgtype: 'm.notice', body: 'alice' }), {}, []],
    ['invite_for_me', state('m.room.member', { membership: 'invite' }, ALICE), {}, ['notify', SOUND]],
    ['an invite for another', state('m.room.member', { membership: 'invite' }, '@carol:test'), {}, []],
    ['member_event', state('m.room.member', { membership: 'join' }, '@carol:test'), {}, []],
    ['is_user_mention', text('hi', mentions({ user_ids: [ALICE] })), {}, ['notify', SOUND, HIGHLIGHT]],
    ['a mention of another', text('hi', mentions({ user_ids: ['@carol:test'] })), {}, ['notify']],
    ['a mention that is no list', text('hi', mentions({ user_ids: ALICE })), {}, ['notify']],
    ['contains_display_name', text('hi ALICE liddell!'), {}, ['notify', SOUND, HIGHLIGHT]],
    ['half a display name', text('hi liddell!'), {}, ['notify']],
    ['no display name', text('hi'), { displayName: undefined }, ['notify']],
    ['an empty display name', text('hi'), { displayName: '' }, ['notify']],
    ['a display name where mentions are told', text('hi Alice Liddell', mentions({})), {}, ['notify']],
    ['is_room_mention', byAdmin(text('hi', mentions({ room: true }))), {}, ['notify', HIGHLIGHT]],
    ['a room mention without power', text('hi', mentions({ room: true })), {}, ['notify']],
    ['a room mention that is no flag', byAdmin(text('hi', mentions({ room: 'true' }))), {}, ['notify']],
    ['roomnotif', byAdmin(text('hi @room')), {}, ['notify', HIGHLIGHT]],
    ['roomnotif without power', text('hi @room'), {}, ['notify']],
    ['roomnotif where mentions are told', byAdmin(text('hi @room', mentions({}))), {}, ['notify']],
    ['tombstone', state('m.room.tombstone'), {}, ['notify', HIGHLIGHT]],
    ['a tombstone that is no state', message({}, { type: 'm.room.tombstone' }), {}, []],
    ['a tombstone with a state key', state('m.room.tombstone', {}, 'x'), {}, []],
    ['reaction', message({ body: 'alice' }, { type: 'm.reaction' }), {}, []],
    ['server_acl', state('m.room.server_acl', { body: 'alice' }), {}, []],
    ['suppress_edits', text('hello', { 'm.relates_to': { rel_type: 'm.replace', event_id: '$a' } }), {}, []],
    [
      'an edit that mentions',
      text('x', { 'm.relates_to': { rel_type: 'm.replace' }, ...mentions({ user_ids: [ALICE] }) }),
      {},
      ['notify', SOUND, HIGHLIGHT],
    ],
    ['subscribed_thread', text('hello'), { followsThread: true }, ['notify', SOUND]],
    ['unsubscribed_thread', text('hello'), { followsThread: false, memberCount: 2 }, []],
    ['a mention in it', text('alice'), { followsThread: false }, ['notify', SOUND, HIGHLIGHT]],
    ['contains_user_name', text('hey, Alice: hello'), {}, ['notify', SOUND, HIGHLIGHT]],
    ['a longer word than the name', text('malice'), {}, ['notify']],
    ['the name where mentions are told', text('alice', mentions({})), {}, ['notify']],
  ])('%s', (_, event, context, expected) => {
    expect(withDefaults(event, context)).toEqual(expected);
  });

  test('the master rule, once enabled, silences everything', () => {
    const enable = (rule: PushRule) => (rule.rule_id === '.m.rule.master' ? { ...rule, enabled: true } : rule);
    expect(withDefaults(text('alice'), {}, enable)).toEqual([]);
  });

  test('a rule that is disabled is passed over', () => {
    const disable = (rule: PushRule) => (rule.rule_id === '.m.rule.message' ? { ...rule, enabled: false } : rule);
    expect(withDefaults(text('hello'), {}, disable)).toEqual([]);
  });
});

describe('conditions', () => {
  const event = message({
    body: 'An example event.',
    'm.federate': true,
    'a\\b': 'backslash',
    nested: { number: 7, list: ['x', 1, null, { y: 1 }], nothing: null },
  });
  test.each<[PushCondition, boolean]>([
    [{ kind: 'event_match', key: 'content.body', pattern: 'ex*ple' }, true],
    [{ kind: 'event_match', key: 'content.body', pattern: 'exam' }, false],
    [{ kind: 'event_match', key: 'type', pattern: 'M.ROOM.*' }, true],
    [{ kind: 'event_match', key: 'type', pattern: 'room' }, false],
    [{ kind: 'event_match', key: 'content.nested.number', pattern: '*' }, false],
    [{ kind: 'event_match', key: 'content.missing', pattern: '*' }, false],
    [{ kind: 'event_match', key: 'constructor', pattern: '*' }, false],
    [{ kind: 'event_match', key: 'content.a\\\\b', pattern: 'backslash' }, true],
    [{ kind: 'event_match', key: 'type' }, false],
    [{ kind: 'event_match', pattern: '*' }, false],
    [{ kind: 'event_property_is', key: 'content.m\\.federate', value: true }, true],
    [{ kind: 'event_property_is', key: 'content.m.federate', value: true }, false],
    [{ kind: 'event_property_is', key: 'content.m\\.federate', value: 'true' }, false],
    [{ kind: 'event_property_is', key: 'content.nested.number', value: 7 }, true],
    [{ kind: 'event_property_is', key: 'content.nested.number', value: '7' }, false],
    [{ kind: 'event_property_is', key: 'content.nested.nothing', value: null }, true],
    [{ kind: 'event_property_is', key: 'content.missing', value: null }, false],
    [{ kind: 'event_property_is', key: 'content.missing' }, false],
    [{ kind: 'event_property_is', key: 'content.nested.list', value: ['x'] }, false],
    [{ kind: 'event_property_contains', key: 'content.nested.list', value: 'x' }, true],
    [{ kind: 'event_property_contains', key: 'content.nested.list', value: 'X' }, false],
    [{ kind: 'event_property_contains', key: 'content.nested.list', value: null }, true],
    [{ kind: 'event_property_contains', key: 'content.nested.list', value: { y: 1 } }, false],
    [{ kind: 'event_property_contains', key: 'content.body', value: 'A' }, false],
    [{ kind: 'room_member_count', is: '5' }, true],
    [{ kind: 'room_member_count', is: '==5' }, true],
    [{ kind: 'room_member_count', is: '<5' }, false],
    [{ kind: 'room_member_count', is: '<=5' }, true],
    [{ kind: 'room_member_count', is: '>4' }, true],
    [{ kind: 'room_member_count', is: '>=6' }, false],
    [{ kind: 'room_member_count', is: '!5' }, false],
    [{ kind: 'room_member_count', is: 5 }, false],
    [{ kind: 'room_member_count' }, false],
    [{ kind: 'sender_notification_permission', key: 'room' }, false],
    [{ kind: 'sender_notification_permission' }, false],
    [{ kind: 'contains_display_name' }, false],
    [{ kind: 'thread_subscription', subscribed: false }, false],
    [{ kind: 'thread_subscription', subscribed: true }, false],
    [{ kind: 'org.example.unknown' }, false],
    [{}, false],
  ])('%j: %s', (condition, expected) => {
    expect(compilePushCondition(condition)(new PushEvent(event), CONTEXT)).toBe(expected);
  });

  test('the path of a property', () => {
    expect(parsePropertyPath('content.m\\.relates_to.rel_type')).toEqual(['content', 'm.relates_to', 'rel_type']);
    expect(parsePropertyPath('a\\\\.b')).toEqual(['a\\', 'b']);
    expect(parsePropertyPath('a\\b')).toEqual(['a\\b']);
  });
});

describe('kinds of rules', () => {
  const none: PushRuleset = { override: [], content: [], postcontent: [], room: [], sender: [], underride: [] };
  const rule = (ruleId: string, more: Partial<PushRule> = {}): PushRule => ({
    rule_id: ruleId,
    default: false,
    enabled: true,
    actions: [ruleId],
    ...more,
  });
  const all: PushRuleset = {
    override: [rule('override', { conditions: [{ kind: 'event_match', key: 'content.o', pattern: 'yes' }] })],
    content: [rule('tea', { pattern: 'tea' })],
    postcontent: [],
    room: [rule('!room:test')],
    sender: [rule('@bob:test')],
    underride: [rule('underride', { conditions: [] })],
  };
  test.each<[JsonObject, string]>([
    [text('tea', { o: 'yes' }), 'override'],
    [text('time for tea'), 'tea'],
    [text('steam'), '!room:test'],
    [{ ...text('steam'), room_id: '!other:test' }, '@bob:test'],
    [{ ...text('steam'), room_id: '!other:test', sender: '@carol:test' }, 'underride'],
  ])('%j goes to %s', (event, expected) => {
    expect(evaluatePushRules(compilePushRules(all), new PushEvent(event), CONTEXT)).toEqual([expected]);
  });

  test('no rule, no action', () => {
    expect(evaluatePushRules(compilePushRules(none), new PushEvent(text('x')), CONTEXT)).toEqual([]);
  });
});

test.each([
  [['notify'], true, false],
  [['notify', HIGHLIGHT], true, true],
  [['notify', { set_tweak: 'highlight', value: false }], true, false],
  [[HIGHLIGHT], false, false],
  [['dont_notify'], false, false],
])('%j counts', (actions, notifies, highlights) => {
  expect(outcomeOf(actions)).toEqual({ notifies, highlights });
});
