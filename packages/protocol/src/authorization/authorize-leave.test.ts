import { describe } from 'vitest';
import type { RoomVersion } from '../room-version.ts';
import { ALICE, BOB, CAROL, create, member, memberRule, powerLevels, testRules } from './tests/test-room.ts';

const hasKnocking = (version: RoomVersion) => version.allowsKnocking;
const not = (has: (version: RoomVersion) => boolean) => (version: RoomVersion) => !has(version);

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
