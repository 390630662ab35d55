import { expect, test } from 'vitest';
import { STABLE_STICKY_NAMES, STICKY_FEATURE_FLAG, UNSTABLE_STICKY_NAMES } from './sticky-names.ts';

test('the names are those of the proposals', () => {
  expect(STICKY_FEATURE_FLAG).toBe('org.matrix.msc4354');
  expect(Object.values(STABLE_STICKY_NAMES)).toEqual([
    'sticky_duration_ms',
    'sticky',
    'sticky_duration_remaining_ms',
    'sticky',
    'sticky_key',
    'sticky_events',
  ]);
  expect(Object.values(UNSTABLE_STICKY_NAMES)).toEqual([
    'org.matrix.msc4354.sticky_duration_ms',
    'msc4354_sticky',
    'msc4354_sticky_duration_ttl_ms',
    'msc4354_sticky',
    'msc4354_sticky_key',
    'org.matrix.msc4354.sticky_events',
  ]);
});
