import { describe } from 'vitest';
import type { RoomVersion } from '../room-version.ts';
import {
  ALICE,
  BOB,
  CAROL,
  create,
  joinRules,
  member,
  memberRule,
  powerLevels,
  type RuleCase,
  ruleOf,
  testRules,
} from './test-room.ts';

const hasKnocking = (version: RoomVersion) => version.allowsKnocking;
const hasRestricted = (version: RoomVersion) => version.allowsRestrictedJoins;
const hasKnockRestricted = (version: RoomVersion) => version.allowsKnockRestricted;
const not = (has: (version: RoomVersion) => boolean) => (version: RoomVersion) => !has(version);

const vouched = { content: { join_authorised_via_users_server: ALICE } };
const signedByHome = { ...vouched, json: { signatures: { 'home.test': { 'ed25519:1': 'c2lnbmF0dXJl' } } } };

describe('rules 5.1 and 5.2: the shape of a membership', () => {
  testRules([
    {
      rule: ruleOf(5, '.1'),
      story: 'no state key',
      event: { type: 'm.room.member', content: { membership: 'join' } },
      refused: /no state_key/,
    },
    {
      rule: ruleOf(5, '.1'),
      story: 'no membership',
      event: { type: 'm.room.member', stateKey: ALICE },
      refused: /no membership/,
    },
    ...authorisedJoinCases(),
    {
      rule: memberRule('unknown'),
      story: 'an unknown membership',
      event: member(BOB, 'guest'),
      refused: /"guest" is no/,
    },
    { rule: memberRule('unknown'), story: 'a membership that is no text', event: member(BOB, 1), refused: /1 is no/ },
    {
      rule: memberRule('unknown'),
      story: 'knocking before v7',
      when: not(hasKnocking),
      state: [joinRules('knock')],
      event: member(BOB, 'knock'),
      refused: /"knock" is no membership/,
    },
  ]);
});

function authorisedJoinCases(): RuleCase[] {
  const rule = ruleOf(5, '.2.1');
  const state = [joinRules('public')];
  const refused = /has not signed it/;
  const event = member(CAROL, 'join', signedByHome);
  return [
    { rule, story: 'no signature at all', when: hasRestricted, state, event: member(CAROL, 'join', vouched), refused },
    {
      rule,
      story: 'signed by another server',
      when: hasRestricted,
      state,
      event: member(CAROL, 'join', { ...vouched, json: { signatures: { 'away.test': { 'ed25519:1': 'x' } } } }),
      refused,
    },
    {
      rule,
      story: 'a wrong signature',
      when: hasRestricted,
      state,
      event,
      refused,
      options: { isSignedBy: () => false },
    },
    {
      rule,
      story: 'signed by the right server',
      when: hasRestricted,
      state,
      event,
      options: { isSignedBy: (serverName) => serverName === 'home.test' },
    },
    { rule, story: 'a signature that was checked before', when: hasRestricted, state, event },
    {
      rule,
      story: 'authorised by what is no user',
      when: hasRestricted,
      state,
      event: member(CAROL, 'join', { content: { join_authorised_via_users_server: 'home.test' } }),
      refused: /not a user ID/,
    },
    {
      rule: memberRule('join', '.5'),
      story: 'the property means nothing before v8',
      when: not(hasRestricted),
      state,
      event: member(CAROL, 'join', vouched),
    },
  ];
}

describe('rule 5.3: join', () => {
  const first = { prevEvents: ['$create'] };
  const publicOrElse = (rest: number) => (version: RoomVersion) =>
    memberRule('join', `.${version.allowsRestrictedJoins ? rest : rest - 1}`)(version);
  testRules([
    {
      rule: memberRule('join', '.1'),
      story: 'the creator, right after the create event',
      event: member(ALICE, 'join', first),
    },
    {
      rule: memberRule('join', '.4'),
      story: 'somebody else right after the create event',
      event: member(BOB, 'join', first),
      refused: /not invited/,
    },
    {
      rule: memberRule('join', '.4'),
      story: 'the creator after something else, once out of the room',
      state: [member(ALICE, 'leave')],
      event: member(ALICE, 'join', { prevEvents: ['$create', '$other'] }),
      refused: /not invited/,
    },
    {
      rule: memberRule('join', '.1'),
      story: 'whom the create event names as creator',
      when: (version) => !version.creatorIsSender,
      state: [create({ creator: BOB })],
      event: member(BOB, 'join', first),
    },
    {
      rule: memberRule('join', '.4'),
      story: 'whom the create event names as creator, who since v11 is none',
      when: (version) => version.creatorIsSender,
      state: [create({ creator: BOB })],
      event: member(BOB, 'join', first),
      refused: /not invited/,
    },
    {
      rule: memberRule('join', '.4'),
      story: 'an additional creator right after the create event',
      when: (version) => version.privilegesCreators,
      state: [create({ additional_creators: [BOB] })],
      event: member(BOB, 'join', first),
      refused: /not invited/,
    },
    {
      rule: memberRule('join', '.2'),
      story: 'a join for somebody else',
      state: [joinRules('public')],
      event: member(BOB, 'join', { sender: ALICE }),
      refused: /cannot join for @bob:home.test/,
    },
    {
      rule: memberRule('join', '.3'),
      story: 'somebody banned',
      state: [joinRules('public'), member(BOB, 'ban')],
      event: member(BOB, 'join'),
      refused: /is banned/,
    },
    ...byInvitation('invite'),
    ...byInvitation('knock', hasKnocking),
    ...restrictedJoins('restricted', hasRestricted),
    ...restrictedJoins('knock_restricted', hasKnockRestricted),
    { rule: publicOrElse(6), story: 'a public room', state: [joinRules('public')], event: member(BOB, 'join') },
    ...[
      { joinRule: 'private', when: undefined },
      { joinRule: 'knock', when: not(hasKnocking) },
      { joinRule: 'restricted', when: not(hasRestricted) },
      { joinRule: 'knock_restricted', when: not(hasKnockRestricted) },
    ].map(({ joinRule, when = () => true }) => ({
      rule: publicOrElse(7),
      story: `a join rule that the room version lacks: ${joinRule}`,
      when,
      state: [joinRules(joinRule), member(BOB, 'invite')],
      event: member(BOB, 'join'),
      refused: /lets nobody in/,
    })),
  ]);
});

function byInvitation(joinRule: string, when: (version: RoomVersion) => boolean = () => true): RuleCase[] {
  const rule = memberRule('join', '.4');
  const event = member(BOB, 'join');
  const refusedCases = ['leave', 'knock'].map((membership) => ({
    rule,
    story: `join rule ${joinRule}, membership ${membership}`,
    when,
    state: [joinRules(joinRule), member(BOB, membership)],
    event,
    refused: /is not invited/,
  }));
  const allowedCases = ['invite', 'join'].map((membership) => ({
    rule,
    story: `join rule ${joinRule}, membership ${membership}`,
    when,
    state: [joinRules(joinRule), member(BOB, membership)],
    event,
  }));
  const noRule = { rule, story: 'no join rules at all count as invite', when, event, refused: /rule is invite/ };
  return [...refusedCases, ...allowedCases, noRule];
}

function restrictedJoins(joinRule: string, when: (version: RoomVersion) => boolean): RuleCase[] {
  const state = [joinRules(joinRule)];
  const event = member(CAROL, 'join', signedByHome);
  const name = (story: string) => `${joinRule}: ${story}`;
  const welcome = ['invite', 'join'].map((membership) => ({
    rule: memberRule('join', '.5.1'),
    story: name(`membership ${membership} needs nobody to authorise it`),
    when,
    state: [...state, member(CAROL, membership)],
    event: member(CAROL, 'join'),
  }));
  return [
    ...welcome,
    {
      rule: memberRule('join', '.5.2'),
      story: name('authorised by nobody'),
      when,
      state,
      event: member(CAROL, 'join'),
      refused: /no member of the room authorised/,
    },
    {
      rule: memberRule('join', '.5.2'),
      story: name('authorised by somebody outside the room'),
      when,
      state: [...state, member(ALICE, 'leave')],
      event,
      refused: /cannot authorise a join/,
    },
    {
      rule: memberRule('join', '.5.2'),
      story: name('authorised by who may not invite'),
      when,
      state: [...state, member(BOB, 'join'), powerLevels({ invite: 1 })],
      event: member(CAROL, 'join', { ...signedByHome, content: { join_authorised_via_users_server: BOB } }),
      refused: /takes power level 1; @bob:home.test has 0/,
    },
    { rule: memberRule('join', '.5.3'), story: name('authorised by who may invite'), when, state, event },
  ];
}

describe('rule 5.4: invite', () => {
  const invite = member(BOB, 'invite', { sender: ALICE });
  testRules([
    {
      rule: memberRule('invite', '.2'),
      story: 'somebody outside the room invites',
      event: member(BOB, 'invite', { sender: CAROL }),
      refused: /@carol:away.test is not joined/,
    },
    {
      rule: memberRule('invite', '.3'),
      story: 'a member is invited',
      state: [member(BOB, 'join')],
      event: invite,
      refused: /already joined/,
    },
    {
      rule: memberRule('invite', '.3'),
      story: 'somebody banned is invited',
      state: [member(BOB, 'ban')],
      event: invite,
      refused: /is banned/,
    },
    { rule: memberRule('invite', '.4'), story: 'a member invites', event: invite },
    {
      rule: memberRule('invite', '.4'),
      story: 'a member invites who knocked',
      state: [member(BOB, 'knock')],
      event: invite,
    },
    {
      rule: memberRule('invite', '.5'),
      story: 'who lacks the invite level invites',
      state: [member(CAROL, 'join'), powerLevels({ invite: 50, users: { [CAROL]: 49 } })],
      event: member(BOB, 'invite', { sender: CAROL }),
      refused: /Inviting takes power level 50; @carol:away.test has 49/,
    },
  ]);
});

describe('rule 5.5: leave', () => {
  const kick = member(BOB, 'leave', { sender: CAROL });
  const levels = (carol: number, bob = 0) => [
    member(CAROL, 'join'),
    powerLevels({ kick: 30, ban: 60, users: { [CAROL]: carol, [BOB]: bob } }),
  ];
  const own = (membership: string) => ({ state: [member(BOB, membership)], event: member(BOB, 'leave') });
  const rule = memberRule('leave', '.1');
  testRules([
    { rule, story: 'a member leaves', ...own('join') },
    { rule, story: 'an invitation is declined', ...own('invite') },
    { rule, story: 'a knock is taken back', when: hasKnocking, ...own('knock') },
    { rule, story: 'a knock before v7', when: not(hasKnocking), ...own('knock'), refused: /cannot leave/ },
    { rule, story: 'somebody leaves who had left', ...own('leave'), refused: /cannot leave: the membership is leave/ },
    { rule, story: 'somebody banned leaves', ...own('ban'), refused: /cannot leave: the membership is ban/ },
    { rule: memberRule('leave', '.2'), story: 'somebody outside kicks', event: kick, refused: /carol.* is not joined/ },
    {
      rule: memberRule('leave', '.3'),
      story: 'lifting a ban without the ban level',
      state: [...levels(59), member(BOB, 'ban')],
      event: kick,
      refused: /Lifting a ban takes power level 60; @carol:away.test has 59/,
    },
    {
      rule: memberRule('leave', '.4'),
      story: 'lifting a ban',
      state: [...levels(60), member(BOB, 'ban')],
      event: kick,
    },
    { rule: memberRule('leave', '.4'), story: 'kicking', state: [...levels(30, 29), member(BOB, 'join')], event: kick },
    {
      rule: memberRule('leave', '.4'),
      story: 'taking back an invitation',
      state: [...levels(30), member(BOB, 'invite')],
      event: kick,
    },
    {
      rule: memberRule('leave', '.5'),
      story: 'kicking without the kick level',
      state: levels(29),
      event: kick,
      refused: /takes power level 30/,
    },
    {
      rule: memberRule('leave', '.5'),
      story: 'kicking an equal',
      state: levels(40, 40),
      event: kick,
      refused: /cannot kick/,
    },
    {
      rule: memberRule('leave', '.5'),
      story: 'a creator kicks another creator',
      when: (version) => version.privilegesCreators,
      state: [create({ additional_creators: [BOB] }), member(BOB, 'join')],
      event: member(BOB, 'leave', { sender: ALICE }),
      refused: /cannot kick/,
    },
  ]);
});

describe('rule 5.6: ban', () => {
  const ban = member(BOB, 'ban', { sender: CAROL });
  const levels = (carol: number, bob = 0) => [
    member(CAROL, 'join'),
    powerLevels({ ban: 60, users: { [CAROL]: carol, [BOB]: bob } }),
  ];
  testRules([
    { rule: memberRule('ban', '.1'), story: 'somebody outside bans', event: ban, refused: /carol.* is not joined/ },
    {
      rule: memberRule('ban', '.2'),
      story: 'a member is banned',
      state: [...levels(60, 59), member(BOB, 'join')],
      event: ban,
    },
    { rule: memberRule('ban', '.2'), story: 'somebody never seen is banned', state: levels(60), event: ban },
    {
      rule: memberRule('ban', '.3'),
      story: 'no ban level',
      state: levels(59),
      event: ban,
      refused: /takes power level 60/,
    },
    { rule: memberRule('ban', '.3'), story: 'an equal', state: levels(60, 60), event: ban, refused: /cannot ban/ },
    {
      rule: memberRule('ban', '.3'),
      story: 'a creator is banned',
      when: (version) => version.privilegesCreators,
      state: levels(Number.MAX_SAFE_INTEGER),
      event: member(ALICE, 'ban', { sender: CAROL }),
      refused: /cannot ban/,
    },
  ]);
});

describe('rule 5.7: knock', () => {
  const when = hasKnocking;
  const knock = member(BOB, 'knock');
  const state = [joinRules('knock')];
  const refusedRules = ['invite', 'public', 'restricted'].map((joinRule) => ({
    rule: memberRule('knock', '.1'),
    story: `join rule ${joinRule}`,
    when,
    state: [joinRules(joinRule)],
    event: knock,
    refused: /does not allow knocking/,
  }));
  testRules([
    ...refusedRules,
    {
      rule: memberRule('knock', '.1'),
      story: 'knock_restricted before v10',
      when: (version) => hasKnocking(version) && !hasKnockRestricted(version),
      state: [joinRules('knock_restricted')],
      event: knock,
      refused: /does not allow knocking/,
    },
    {
      rule: memberRule('knock', '.2'),
      story: 'for somebody else',
      when,
      state,
      event: member(BOB, 'knock', { sender: ALICE }),
      refused: /cannot knock for/,
    },
    { rule: memberRule('knock', '.3'), story: 'by somebody never seen', when, state, event: knock },
    {
      rule: memberRule('knock', '.3'),
      story: 'a second time',
      when,
      state: [...state, member(BOB, 'knock')],
      event: knock,
    },
    {
      rule: memberRule('knock', '.3'),
      story: 'after leaving',
      when,
      state: [...state, member(BOB, 'leave')],
      event: knock,
    },
    {
      rule: memberRule('knock', '.3'),
      story: 'with join rule knock_restricted',
      when: hasKnockRestricted,
      state: [joinRules('knock_restricted')],
      event: knock,
    },
    ...['ban', 'invite', 'join'].map((membership) => ({
      rule: memberRule('knock', '.4'),
      story: `with membership ${membership}`,
      when,
      state: [...state, member(BOB, membership)],
      event: knock,
      refused: new RegExp(`already ${membership}`),
    })),
  ]);
});
