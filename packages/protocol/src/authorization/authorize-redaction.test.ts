import { describe, expect, test } from 'vitest';
import { canRedact } from './can-redact.ts';
import { powerLevelsOf } from './power-levels.ts';
import {
  ALL_VERSIONS,
  BOB,
  CAROL,
  create,
  type EventSketch,
  member,
  message,
  powerLevels,
  ROOM_ID,
  sketched,
  stateOf,
  testRules,
} from './tests/test-room.ts';

const redaction: EventSketch = {
  type: 'm.room.redaction',
  sender: BOB,
  eventId: '$redaction:home.test',
  redacts: '$victim:away.test',
};

describe('rule 11 of v1 and v2: m.room.redaction', () => {
  const state = (level: number) => [member(BOB, 'join'), powerLevels({ redact: 30, users: { [BOB]: level } })];
  testRules([
    {
      rule: '11.1',
      story: 'the redact level',
      when: (version) => version.authorizesRedactions,
      state: state(30),
      event: redaction,
    },
    {
      rule: '11.2',
      story: 'an event of the same server',
      when: (version) => version.authorizesRedactions,
      state: state(29),
      event: { ...redaction, redacts: '$victim:home.test' },
    },
    ...['$victim:away.test', '$victim', undefined].map((redacts) => ({
      rule: '11.3',
      story: `without the redact level: ${redacts}`,
      when: (version: { authorizesRedactions: boolean }) => version.authorizesRedactions,
      state: state(29),
      event: { type: redaction.type, sender: BOB, eventId: '$redaction:home.test', ...(redacts && { redacts }) },
      refused: /takes power level 30/,
    })),
    {
      rule: (version) => (version.roomIdIsCreateHash || version.treatsAliasesSpecially ? '11' : '10'),
      story: 'since v3 any redaction that may be sent',
      when: (version) => !version.authorizesRedactions,
      state: state(29),
      event: redaction,
    },
  ]);
});

describe('canRedact: handling redactions', () => {
  for (const version of ALL_VERSIONS) {
    test(`v${version.id}: by level, or by the same server`, () => {
      const event = sketched(redaction, version);
      const levels = (level: number) =>
        powerLevelsOf(stateOf([create(), powerLevels({ redact: 30, users: { [BOB]: level } })], version), version);
      const away = sketched(message(CAROL), version);
      const home = sketched(message('@dave:home.test'), version);
      expect(canRedact(event, away, levels(30), version)).toBe(true);
      expect(canRedact(event, away, levels(29), version)).toBe(version.authorizesRedactions);
      expect(canRedact(event, home, levels(29), version)).toBe(true);
    });

    test(`v${version.id}: never in another room`, () => {
      const event = sketched(redaction, version);
      const elsewhere = sketched(message(BOB, { roomId: `${ROOM_ID}2` }), version);
      expect(canRedact(event, elsewhere, powerLevelsOf(new Map(), version), version)).toBe(false);
    });
  }
});
