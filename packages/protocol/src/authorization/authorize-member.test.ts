import { describe } from 'vitest';
import type { RoomVersion } from '../room-version.ts';
import {
  ALICE,
  BOB,
  CAROL,
  joinRules,
  member,
  memberRule,
  type RuleCase,
  ruleOf,
  testRules,
} from './tests/test-room.ts';

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
