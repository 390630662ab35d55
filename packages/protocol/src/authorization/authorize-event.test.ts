import { describe, expect, test } from 'vitest';
import type { Pdu } from '../pdu.ts';
import { authorizeEvent } from './authorize-event.ts';
import {
  ALICE,
  ALL_VERSIONS,
  BOB,
  CAROL,
  create,
  expectVerdict,
  joinRules,
  member,
  message,
  powerLevels,
  type RuleCase,
  roomVersion,
  ruleOf,
  sketched,
  stateOf,
  testRules,
} from './tests/test-room.ts';

describe('rule 2 and rule 4: the create event', () => {
  for (const version of ALL_VERSIONS) {
    const rule = version.roomIdIsCreateHash ? '2' : '2.4';
    test(`v${version.id} rule ${rule} refuses: a room without a create event`, () => {
      const state = stateOf([member(ALICE, 'join')], version);
      expectVerdict(authorizeEvent(sketched(message(ALICE), version), state, version), /no m.room.create/);
    });
  }

  test('v12 rule 2 refuses: an event whose room ID is not that of the create event', () => {
    const version = roomVersion('12');
    const state = stateOf([create(), member(ALICE, 'join')], version);
    for (const roomId of ['!another', '$create', '!create:home.test']) {
      const event = sketched(message(ALICE, { roomId }), version);
      expectVerdict(authorizeEvent(event, state, version), /not that of the create event/);
    }
  });

  const federationRule = (id: { treatsAliasesSpecially: boolean; roomIdIsCreateHash: boolean }) =>
    id.roomIdIsCreateHash ? '4' : '3';
  testRules([
    {
      rule: federationRule,
      story: 'somebody of another server in a room that does not federate',
      state: [create({ 'm.federate': false }), joinRules('public'), member(CAROL, 'join')],
      event: message(CAROL),
      refused: /does not federate/,
    },
    {
      rule: federationRule,
      story: 'a join from another server to a room that does not federate',
      state: [create({ 'm.federate': false }), joinRules('public')],
      event: member(CAROL, 'join'),
      refused: /does not federate/,
    },
    {
      rule: federationRule,
      story: "somebody of the creator's server in a room that does not federate",
      state: [create({ 'm.federate': false }), member(BOB, 'join')],
      event: message(BOB),
    },
    {
      rule: federationRule,
      story: 'somebody of another server in a room that says that it federates',
      state: [create({ 'm.federate': true }), member(CAROL, 'join')],
      event: message(CAROL),
    },
  ]);
});

describe('rule 4 of v1 to v5: m.room.aliases', () => {
  const aliases = { type: 'm.room.aliases', sender: CAROL, content: { aliases: ['#a:away.test'] } };
  testRules([
    {
      rule: '4.1',
      story: 'aliases without a state key',
      when: (version) => version.treatsAliasesSpecially,
      event: aliases,
      refused: /no state_key/,
    },
    {
      rule: '4.2',
      story: 'aliases of another server',
      when: (version) => version.treatsAliasesSpecially,
      event: { ...aliases, stateKey: 'home.test' },
      refused: /are not @carol:away.test's to set/,
    },
    {
      rule: '4.3',
      story: "aliases of the sender's server, with the sender outside the room",
      when: (version) => version.treatsAliasesSpecially,
      event: { ...aliases, stateKey: 'away.test' },
    },
    {
      rule: '5',
      story: 'aliases are an event like others since v6, for members only',
      when: (version) => !version.treatsAliasesSpecially,
      event: { ...aliases, stateKey: 'away.test' },
      refused: /not joined/,
    },
  ]);
});

describe('rules 6 to 9', () => {
  testRules([...membershipCases(), ...thirdPartyInviteCases(), ...requiredLevelCases(), ...stateKeyCases()]);
});

function membershipCases(): RuleCase[] {
  const refusedMemberships = ['leave', 'ban', 'invite', 'knock'].map((membership) => ({
    rule: ruleOf(6),
    story: `a message of somebody whose membership is ${membership}`,
    state: [member(BOB, membership)],
    event: message(BOB),
    refused: /@bob:home.test is not joined/,
  }));
  return [
    ...refusedMemberships,
    { rule: ruleOf(6), story: 'a message of somebody never seen', event: message(BOB), refused: /not joined/ },
    { rule: ruleOf(6), story: 'a message of a member', state: [member(BOB, 'join')], event: message(BOB) },
  ];
}

function thirdPartyInviteCases(): RuleCase[] {
  const event = { type: 'm.room.third_party_invite', stateKey: 'token', sender: BOB };
  const rule = ruleOf(7, '.1');
  return [
    { rule, story: 'a third-party invite where all may invite', state: [member(BOB, 'join')], event },
    {
      rule,
      story: 'a third-party invite by who lacks the invite level',
      state: [member(BOB, 'join'), powerLevels({ invite: 10, users: { [BOB]: 9 } })],
      event,
      refused: /Inviting takes power level 10; @bob:home.test has 9/,
    },
    {
      rule,
      story: 'the invite level counts, not that of state events',
      state: [member(BOB, 'join'), powerLevels({ invite: 10, state_default: 50, users: { [BOB]: 10 } })],
      event,
    },
  ];
}

function requiredLevelCases(): RuleCase[] {
  const rule = ruleOf(8);
  const topic = { type: 'm.room.topic', stateKey: '', sender: BOB };
  const bobAt = (level: number, more = {}) => [member(BOB, 'join'), powerLevels({ users: { [BOB]: level }, ...more })];
  return [
    { rule, story: 'a state event by level 49', state: bobAt(49), event: topic, refused: /takes power level 50/ },
    { rule, story: 'a state event by level 50', state: bobAt(50), event: topic },
    { rule, story: 'a state event, state_default 0', state: bobAt(0, { state_default: 0 }), event: topic },
    {
      rule,
      story: 'a message, events_default 1',
      state: bobAt(0, { events_default: 1 }),
      event: message(BOB),
      refused: /1/,
    },
    {
      rule,
      story: 'a type with a level of its own above the default',
      state: bobAt(50, { events: { 'm.room.topic': 51 } }),
      event: topic,
      refused: /takes power level 51; @bob:home.test has 50/,
    },
    {
      rule,
      story: 'a type with a level of its own below the default',
      state: bobAt(1, { events: { 'm.room.topic': 1 } }),
      event: topic,
    },
    {
      rule,
      story: 'a state event in a room without power levels, by another than its creator',
      state: [member(BOB, 'join')],
      event: topic,
      refused: /takes power level 50; @bob:home.test has 0/,
    },
    { rule, story: 'a state event in a room without power levels, by its creator', event: { ...topic, sender: ALICE } },
    {
      rule,
      story: 'a creator is a user like others once there are power levels',
      when: (version) => !version.privilegesCreators,
      state: [powerLevels({})],
      event: { ...topic, sender: ALICE },
      refused: /has 0/,
    },
    {
      rule,
      story: 'a creator is above any power level',
      when: (version) => version.privilegesCreators,
      state: [powerLevels({ state_default: Number.MAX_SAFE_INTEGER })],
      event: { ...topic, sender: ALICE },
    },
    {
      rule,
      story: 'an additional creator is above any power level',
      when: (version) => version.privilegesCreators,
      state: [create({ additional_creators: [BOB] }), member(BOB, 'join'), powerLevels({ state_default: 100 })],
      event: topic,
    },
    {
      rule,
      story: 'additional creators mean nothing before v12',
      when: (version) => !version.privilegesCreators,
      state: [create({ additional_creators: [BOB] }), member(BOB, 'join'), powerLevels({ state_default: 100 })],
      event: topic,
      refused: /takes power level 100/,
    },
  ];
}

function stateKeyCases(): RuleCase[] {
  const rule = ruleOf(9);
  const owned = (stateKey: string) => ({ type: 'org.test.beacon', stateKey, sender: ALICE });
  return [
    { rule, story: "state under another user's ID", event: owned(BOB), refused: /belongs to that user/ },
    { rule, story: 'state under a key that only looks like a user ID', event: owned('@'), refused: /belongs to that/ },
    { rule, story: "state under the sender's own ID", event: owned(ALICE) },
    { rule, story: 'state under a key that is no user ID', event: owned('bob@home.test') },
  ];
}

describe('rule 11', () => {
  testRules([
    {
      rule: (version) => (version.authorizesRedactions ? '12' : ruleOf(11)(version)),
      story: 'a message',
      event: message(ALICE),
    },
  ]);
});

test('the event is not changed and the same question has the same answer', () => {
  for (const version of ALL_VERSIONS) {
    const event: Pdu = sketched(message(ALICE), version);
    const before = structuredClone(event);
    const state = stateOf([create(), member(ALICE, 'join')], version);
    expect(authorizeEvent(event, state, version)).toEqual(authorizeEvent(event, state, version));
    expect(event).toEqual(before);
  }
});
