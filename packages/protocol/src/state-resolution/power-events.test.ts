import { expect, test } from 'vitest';
import type { JsonObject } from '../json.ts';
import { isPowerEvent } from './power-events.ts';
import { readStoryEvent, roomVersion } from './tests/story.ts';

test.each([
  ['m.room.power_levels', '', {}, true],
  ['m.room.power_levels', 'another', {}, false],
  ['m.room.join_rules', '', {}, true],
  ['m.room.join_rules', 'another', {}, false],
  ['m.room.create', '', {}, false],
  ['m.room.topic', '', {}, false],
  ['m.room.member', '@bob', { membership: 'leave' }, true],
  ['m.room.member', '@bob', { membership: 'ban' }, true],
  ['m.room.member', '@bob', { membership: 'invite' }, false],
  ['m.room.member', '@alice', { membership: 'leave' }, false],
  ['m.room.member', '@alice', { membership: 'join' }, false],
  ['org.example.member', '@bob', { membership: 'ban' }, false],
] satisfies [string, string, JsonObject, boolean][])(
  '%s of "%s" with %j by Alice: %s',
  (type, key, content, isPower) => {
    const event = readStoryEvent({ id: 'x', sender: '@alice', type, key, content, auth: [] }, 0, roomVersion('11'));
    expect(isPowerEvent(event)).toBe(isPower);
    expect(isPowerEvent({ ...event, stateKey: undefined })).toBe(false);
  },
);
