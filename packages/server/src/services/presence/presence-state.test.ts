import { expect, test } from 'vitest';
import { type DevicePresence, presenceOf } from './presence-state.ts';

const NOW = 1_000_000_000;
const MINUTE = 60_000;

function device(presence: DevicePresence['presence'], { openRequests = 1, untilMs = 0 } = {}): DevicePresence {
  return { presence, openRequests, untilMs };
}

const lately = { openRequests: 0, untilMs: NOW + 1 };
const before = { openRequests: 0, untilMs: NOW };

test.each<[string, DevicePresence[], number, string, boolean]>([
  ['no device', [], 0, 'offline', false],
  ['a device that asks', [device('online')], 0, 'online', true],
  ['one that asked lately', [device('online', lately)], 0, 'online', true],
  ['one that asked long ago', [device('online', before)], 0, 'offline', false],
  ['quiet for a minute', [device('online')], MINUTE, 'online', false],
  ['just not for a minute', [device('online')], MINUTE - 1, 'online', true],
  ['quiet for five minutes', [device('online')], 5 * MINUTE, 'unavailable', false],
  ['one that is elsewhere', [device('unavailable')], 0, 'unavailable', false],
  ['one that hides', [device('offline')], 0, 'offline', false],
  [
    'the one that is there most counts',
    [device('offline'), device('unavailable'), device('online')],
    0,
    'online',
    true,
  ],
  ['as long as it is there', [device('unavailable'), device('online', before)], 0, 'unavailable', false],
])('%s', (_name, devices, quietMs, presence, isActive) => {
  const byId = new Map(devices.map((one, index) => [String(index), one]));
  expect(presenceOf({ devices: byId, lastActiveMs: NOW - quietMs }, NOW)).toEqual({ presence, isActive });
});
