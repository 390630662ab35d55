import { describe, expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import type { Change } from '../../storage/change.ts';
import { createChangeStream } from '../../storage/change-stream.ts';
import { SyncWaiters } from './sync-waiters.ts';

const WRITER = 1;

function createWaiters(rooms: Record<string, string[]>, maxIdleUsers?: number) {
  const stream = createChangeStream(new Map([[WRITER, 0]]), silentLog);
  const { timers } = createManualWorld();
  const asked: string[] = [];
  let position = 0;
  const roomsOf = async (userId: string) => {
    asked.push(userId);
    return rooms[userId] ?? [];
  };
  const waiters = new SyncWaiters({ stream, timers, roomsOf, ...(maxIdleUsers && { maxIdleUsers }) });
  return {
    waiters,
    rooms,
    /** Whose rooms were read. */
    asked,
    publish(...changes: Change[]) {
      const published = changes.map((change) => {
        position += 1;
        return { ...change, writer: WRITER, position };
      });
      stream.publish(WRITER, position, published);
    },
  };
}

const event = (roomId: string): Change => ({
  kind: 'event',
  roomId,
  eventNid: 1,
  sender: '@x',
  type: 'm.test',
  stateKey: undefined,
  isToBeSent: true,
});
const step = (userId: string, roomId: string, membership: string): Change => ({
  kind: 'membership',
  roomId,
  userId,
  membership,
  previous: undefined,
});
const nextTurn = () => new Promise<void>((resolve) => void setImmediate(resolve));

describe('who waits', () => {
  test('is woken by what happens in his rooms, and not after he stopped', async () => {
    const { waiters, publish } = createWaiters({ '@a': ['!1'], '@b': ['!2'] });
    const woken: string[] = [];
    const unwatch = await waiters.watch('@a', () => woken.push('@a'));
    await waiters.watch('@b', () => woken.push('@b'));
    publish(event('!1'));
    publish(event('!2'), event('!3'));
    expect(woken).toEqual(['@a', '@b']);
    unwatch();
    publish(event('!1'));
    expect(woken).toEqual(['@a', '@b']);
  });

  test('follows his rooms, also while they are being read', async () => {
    const { waiters, publish } = createWaiters({ '@a': ['!1'] });
    let woken = 0;
    const watching = waiters.watch('@a', () => {
      woken += 1;
    });
    publish(step('@a', '!2', 'join'));
    await watching;
    woken = 0;
    publish(event('!2'));
    publish(step('@a', '!2', 'leave'));
    publish(event('!2'));
    expect(woken).toBe(2);
  });

  test('is kept however many others come and go; who does not wait is forgotten when there are too many', async () => {
    const { waiters, publish, asked } = createWaiters({ '@a': ['!1'] }, 2);
    let woken = 0;
    await waiters.watch('@a', () => {
      woken += 1;
    });
    for (const other of ['@b', '@c', '@d', '@b']) (await waiters.watch(other, () => {}))();
    publish(event('!1'));
    expect(woken).toBe(1);
    await waiters.watch('@d', () => {});
    expect(asked).toEqual(['@a', '@b', '@c', '@d', '@b']);
  });

  test('fails if his rooms cannot be read, and can try again', async () => {
    const { waiters, rooms, publish } = createWaiters({});
    Object.defineProperty(rooms, '@a', { get: () => fail(), configurable: true });
    await expect(waiters.watch('@a', () => {})).rejects.toThrow('no rooms');
    Object.defineProperty(rooms, '@a', { value: ['!1'] });
    let woken = 0;
    await waiters.watch('@a', () => {
      woken += 1;
    });
    publish(event('!1'));
    expect(woken).toBe(1);
  });

  test('is woken by new keys of whom he shares a room with, who does not wait himself', async () => {
    const { waiters, publish } = createWaiters({ '@a': ['!1'], '@b': ['!1'], '@c': ['!2'] });
    const woken: string[] = [];
    for (const userId of ['@a', '@c']) await waiters.watch(userId, () => woken.push(userId));
    publish({ kind: 'device-list', userId: '@b' });
    await nextTurn();
    expect(woken).toEqual(['@a']);
  });

  test('is woken by who comes and goes in his rooms if he wants to know, and by himself', async () => {
    const { waiters, publish } = createWaiters({ '@a': ['!1'], '@b': ['!1'], '@c': ['!2'] });
    const woken: string[] = [];
    await waiters.watch('@a', () => woken.push('@a'), { presence: true });
    const unwatch = await waiters.watch('@b', () => woken.push('@b wants to know'), { presence: true });
    await waiters.watch('@b', () => woken.push('@b does not'));
    await waiters.watch('@c', () => woken.push('@c'), { presence: true });
    publish({ kind: 'presence', userId: '@x', roomIds: ['!1', '!3'] });
    expect(woken.splice(0)).toEqual(['@a', '@b wants to know']);
    unwatch();
    publish({ kind: 'presence', userId: '@c', roomIds: ['!1'] });
    expect(woken).toEqual(['@c', '@a']);
  });

  test('waits some turns where hundreds come and go in hundreds of rooms, and is woken once', async () => {
    const everywhere = Array.from({ length: 200 }, (_, number) => `!r${number}`);
    const idle = Array.from({ length: 99 }, (_, number) => `@idle${number}`);
    const rooms = Object.fromEntries(idle.map((userId) => [userId, everywhere]));
    const { waiters, publish } = createWaiters({ ...rooms, '@a': everywhere });
    for (const userId of idle) (await waiters.watch(userId, () => {}))();
    let woken = 0;
    await waiters.watch('@a', () => woken++, { presence: true });
    const come = (userId: string): Change => ({ kind: 'presence', userId, roomIds: everywhere });
    publish(...idle.map(come));
    // 200 rooms of 100 users each, fifty rooms a turn.
    const counts = [woken];
    for (let turn = 0; turn < 4; turn += 1) {
      await nextTurn();
      counts.push(woken);
    }
    expect(counts).toEqual([0, 0, 0, 1, 1]);
    publish(come('@a'), event('!r7'));
    expect(woken).toBe(2);
  });

  test('is one of many: 250 are woken at once, the others in turns, each once', async () => {
    const users = Array.from({ length: 600 }, (_, number) => `@${number}`);
    const { waiters, publish } = createWaiters(Object.fromEntries(users.map((userId) => [userId, ['!1']])));
    const woken: string[] = [];
    for (const userId of users) await waiters.watch(userId, () => woken.push(userId));
    publish(event('!1'));
    const counts = [woken.length];
    for (let turn = 0; turn < 3; turn += 1) {
      await nextTurn();
      counts.push(woken.length);
    }
    expect(counts).toEqual([250, 500, 600, 600]);
    expect(woken).toEqual(users);
  });

  test('is woken when nobody may wait any more', async () => {
    const { waiters } = createWaiters({});
    let woken = 0;
    await waiters.watch('@a', () => {
      woken += 1;
    });
    waiters.close();
    expect(woken).toBe(1);
  });
});

function fail(): never {
  throw new Error('no rooms');
}
