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
  testRules,
} from './tests/test-room.ts';

const hasKnocking = (version: RoomVersion) => version.allowsKnocking;
const hasRestricted = (version: RoomVersion) => version.allowsRestrictedJoins;
const hasKnockRestricted = (version: RoomVersion) => version.allowsKnockRestricted;
const not = (has: (version: RoomVersion) => boolean) => (version: RoomVersion) => !has(version);

const vouched = { content: { join_authorised_via_users_server: ALICE } };
const signedByHome = { ...vouched, json: { signatures: { 'home.test': { 'ed25519:1': 'c2lnbmF0dXJl' } } } };

describe('rule 5.3: join', () => {
  const first = { prevEvents: ['$create'] };
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
  ]);
});

describe('rules 5.3.4 to 5.3.7: the join rule', () => {
  const publicOrElse = (rest: number) => (version: RoomVersion) =>
    memberRule('join', `.${version.allowsRestrictedJoins ? rest : rest - 1}`)(version);
  testRules([
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
    {
      rule: memberRule('join', '.5.3'),
      story: name('authorised by who has just the invite level'),
      when,
      state: [...state, member(BOB, 'join'), powerLevels({ invite: 1, users: { [BOB]: 1 } })],
      event: member(CAROL, 'join', { ...signedByHome, content: { join_authorised_via_users_server: BOB } }),
    },
  ];
}
