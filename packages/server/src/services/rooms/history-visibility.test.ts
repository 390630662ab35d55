import { expect, test } from 'vitest';
import { type HistoryVisibility, historyVisibilityOf, maySee, membershipOf } from './history-visibility.ts';
import type { Membership } from './membership-reader.ts';

// What may be seen, by visibility and membership at the event: n never, y always, l by who joined later.
const TABLE: Record<HistoryVisibility, Record<Membership, 'n' | 'y' | 'l'>> = {
  world_readable: { join: 'y', invite: 'y', leave: 'y', ban: 'y', knock: 'y' },
  shared: { join: 'y', invite: 'l', leave: 'l', ban: 'l', knock: 'l' },
  invited: { join: 'y', invite: 'y', leave: 'n', ban: 'n', knock: 'n' },
  joined: { join: 'y', invite: 'n', leave: 'n', ban: 'n', knock: 'n' },
};

const CASES = Object.entries(TABLE).flatMap(([visibility, row]) =>
  Object.entries(row).map(
    ([membership, seen]) => [visibility as HistoryVisibility, membership as Membership, seen] as const,
  ),
);

test.each(CASES)('%s, %s: %s', (visibility, membership, seen) => {
  const sight = { visibilities: [visibility], memberships: [membership] };
  expect(maySee({ ...sight, joinedLater: false })).toBe(seen === 'y');
  expect(maySee({ ...sight, joinedLater: true })).toBe(seen !== 'n');
});

test('of a change, what was before and what is after count alike', () => {
  const never = { memberships: ['leave' as const], joinedLater: false };
  expect(maySee({ ...never, visibilities: ['joined', 'world_readable'] })).toBe(true);
  expect(maySee({ ...never, visibilities: ['world_readable', 'joined'] })).toBe(true);
  expect(maySee({ ...never, visibilities: ['joined', 'shared'] })).toBe(false);
  expect(maySee({ visibilities: ['joined'], memberships: ['join', 'leave'], joinedLater: false })).toBe(true);
  expect(maySee({ visibilities: ['invited'], memberships: ['invite', 'leave'], joinedLater: false })).toBe(true);
});

test('what is not understood is shared, and no member event is having left', () => {
  expect(historyVisibilityOf(undefined)).toBe('shared');
  expect(historyVisibilityOf({ content: { history_visibility: 'private' } })).toBe('shared');
  expect(historyVisibilityOf({ content: { history_visibility: 'joined' } })).toBe('joined');
  expect(membershipOf(undefined)).toBe('leave');
  expect(membershipOf({ content: { membership: 'invite' } })).toBe('invite');
});
