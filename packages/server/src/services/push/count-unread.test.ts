import { describe, expect, test } from 'vitest';
import { type CountedEvent, countUnread, MAX_COUNTED, type UnreadState } from './count-unread.ts';

const BOB = '@bob:test';

function event(roomIndex: number, more: Partial<CountedEvent> = {}): CountedEvent {
  return { roomIndex, sender: '@alice:test', threadId: '', highlights: false, ...more };
}

function count(state: Partial<UnreadState>) {
  const read = { room: 0, threads: new Map() };
  return countUnread({ userId: BOB, events: [], read, alerts: new Map(), mutes: new Set(), ...state });
}

describe('unread events', () => {
  const events = [event(1), event(2, { threadId: '$a' }), event(3, { highlights: true }), event(5, { sender: BOB })];

  test('are counted whole, and by thread; one never has one’s own to read', () => {
    expect(count({ events })).toEqual({
      all: { notifications: 3, highlights: 1 },
      main: { notifications: 2, highlights: 1 },
      threads: { $a: { notifications: 1, highlights: 0 } },
    });
  });

  test.each([
    ['up to an unthreaded receipt', { room: 2, threads: new Map() }, [1, 1, 0]],
    ['up to a receipt of the main timeline', { room: 0, threads: new Map([['', 3]]) }, [1, 0, 1]],
    ['up to a receipt of a thread', { room: 0, threads: new Map([['$a', 2]]) }, [2, 2, 0]],
    ['up to whichever is ahead', { room: 2, threads: new Map([['', 1]]) }, [1, 1, 0]],
    ['never, where nothing is', { room: 9, threads: new Map() }, [0, 0, 0]],
  ])('are read %s', (_, read, expected) => {
    const { all, main, threads } = count({ events, read });
    expect([all.notifications, main.notifications, threads.$a?.notifications ?? 0]).toEqual(expected);
  });

  test('that notify this user otherwise count otherwise', () => {
    const alerts = new Map([
      [1, { threadId: '', highlights: true }],
      [4, { threadId: '$b', highlights: false }],
    ]);
    const counts = count({ events, alerts, mutes: new Set([2]) });
    expect(counts.all).toEqual({ notifications: 3, highlights: 2 });
    expect(counts.threads).toEqual({ $b: { notifications: 1, highlights: 0 } });
  });

  test('count up to a limit, and a mention is not lost behind it', () => {
    const many = Array.from({ length: MAX_COUNTED + 50 }, (_, index) => event(index + 10));
    expect(count({ events: many }).all.notifications).toBe(MAX_COUNTED);
    const alerts = new Map([[5, { threadId: '', highlights: true }]]);
    expect(count({ events: many, alerts }).all).toEqual({ notifications: MAX_COUNTED + 1, highlights: 1 });
  });

  test('older than what is known to be muted are out of sight', () => {
    const mutes = new Set(Array.from({ length: MAX_COUNTED }, (_, index) => index + 10));
    expect(count({ events: [event(5), event(10), event(2_000)], mutes }).all.notifications).toBe(1);
  });
});
