import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import {
  bringIn,
  FakeDestinations,
  startTestSender,
  type TestSender,
  unreachable,
} from '../../../tests/support/test-sender.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { selectOutgoingEdus } from '../../storage/queries/outgoing-edus.ts';
import { insertUser, updateErased } from '../../storage/queries/users.ts';
import type { Storage } from '../../storage/storage.ts';
import { queueEdu } from '../remote-servers/outgoing-edus.ts';
import { RemoteServerError } from '../remote-servers/remote-servers.ts';

const HOUR_MS = 3_600_000;

let storage: Storage;
let open: TestSender[] = [];

beforeEach(async () => {
  storage = await openTestStorage();
});

afterEach(async () => {
  await Promise.all(open.map(({ sender }) => sender.stop()));
  open = [];
  await storage.close();
});

async function start(options: Parameters<typeof startTestSender>[1] = {}): Promise<TestSender> {
  const started = await startTestSender(storage, options);
  open.push(started);
  return started;
}

const numbered = (word: string, count: number) => Array.from({ length: count }, (_, index) => `${word} ${index}`);

describe('transactions', () => {
  test('one at a time to a server, of 50 PDUs and 100 EDUs at most, in order', async () => {
    const { others, room, say, until } = await start();
    const roomId = await room(['other']);
    let letGo = () => {};
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    others.answer = () => gate;
    const bodies = numbered('message', 120);
    for (const body of bodies) await say(roomId, body);
    await storage.write((transaction) => {
      for (let index = 0; index < 250; index++) {
        queueEdu(transaction, { serverName: 'other', type: 'm.test', contentJson: `{"n":${index}}`, nowMs: 1 });
      }
    });
    letGo();
    await until('all is there', async () => {
      const waiting = await storage.read(selectOutgoingEdus, { serverName: 'other', limit: 1 });
      return others.bodiesOf('other').length === 120 && waiting.length === 0;
    });
    expect(others.bodiesOf('other')).toEqual(bodies);
    expect(others.mostAtOnce.get('other')).toBe(1);
    expect(Math.max(...others.taken.map((taken) => taken.bodies.length))).toBe(50);
    const edus = others.taken.map((taken) => taken.edus.length);
    expect([Math.max(...edus), edus.reduce((sum, count) => sum + count, 0)]).toEqual([100, 250]);
    const numbers = others.taken.flatMap((taken) => taken.edus.map((edu) => (edu.content as { n: number }).n));
    expect(numbers).toEqual(Array.from({ length: 250 }, (_, index) => index));
    expect(new Set(others.taken.map((taken) => taken.path)).size).toBe(others.taken.length);
  });

  test('what a server finds fault with goes without holding up the rest', async () => {
    const { others, room, say, until } = await start();
    const roomId = await room(['other']);
    let letGo = () => {};
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    others.answer = async ({ bodies }) => {
      await gate;
      if (bodies.includes('bad')) throw new RemoteServerError('other', 'refused', 'Bad JSON', { status: 400 });
    };
    for (const body of ['one', 'bad', 'two']) await say(roomId, body, HOUR_MS);
    letGo();
    await until('the good ones are there', () => others.bodiesOf('other').length === 2);
    expect(others.bodiesOf('other')).toEqual(['one', 'two']);
  });

  test('a server gets no event that it made itself, and none of rooms that it is not in', async () => {
    const { others, room, say, until } = await start();
    const roomId = await room(['one', 'two']);
    await room(['three']);
    await say(roomId, 'hello');
    await until('both have it', () => others.taken.length === 2);
    expect(others.taken.map(({ destination }) => destination).toSorted()).toEqual(['one', 'two']);
  });
});

describe('catching up', () => {
  test('D2: sticky events and the latest of many rooms each have half, and neither starves the other', async () => {
    const { others, room, say, until, sender } = await start();
    others.answer = ({ destination }) => {
      throw unreachable(destination);
    };
    const busy = await room(['other']);
    const rooms: string[] = [];
    for (let index = 0; index < 120; index++) rooms.push(await room(['other']));
    await say(busy, 'first', HOUR_MS);
    await until('it is known to be away', async () => (await sender.status.of('other')).state === 'backing-off');
    for (const [index, roomId] of rooms.entries()) await say(roomId, `latest ${index}`);
    for (let index = 0; index < 120; index++) await say(busy, `sticky ${index}`, HOUR_MS);
    await expect(sender.status.of('other')).resolves.toMatchObject({
      state: 'backing-off',
      waiting: { events: 121, stickyEvents: 121, edus: 0 },
    });
    others.answer = () => {};
    await sender.retry('other');
    await until('all is there', () => others.bodiesOf('other').includes('sticky 119'));
    await until('nothing is under way', async () => (await sender.status.of('other')).state === 'live');
    const [first, second] = others.taken;
    for (const { bodies } of [first, second].map((taken) => taken ?? { bodies: [] })) {
      expect(bodies).toHaveLength(50);
      expect(bodies.filter((body) => body.startsWith('latest'))).toHaveLength(25);
    }
    const bodies = others.bodiesOf('other');
    expect(bodies.filter((body) => body.startsWith('latest'))).toEqual(numbered('latest', 120));
    const sticky = bodies.filter((body) => body.startsWith('sticky'));
    expect([...new Set(sticky)]).toEqual(numbered('sticky', 120));
  }, 30_000);

  test('D5: expired and redacted events and those of erased users are left out', async () => {
    const { others, room, say, until, sender, rooms, world } = await start();
    others.answer = ({ destination }) => {
      throw unreachable(destination);
    };
    const roomId = await room(['other']);
    await say(roomId, 'expires', 60_000);
    const redacted = await say(roomId, 'redacted', HOUR_MS);
    await say(roomId, 'stays', HOUR_MS);
    await say(roomId, 'latest');
    await rooms.sending.redact({
      sender: { userId: '@alice:test', deviceId: 'DEVICE', transactionId: 'redaction' },
      roomId,
      eventId: redacted,
      content: {},
    });
    await say(roomId, 'last');
    await until('it is away', async () => (await sender.status.of('other')).state === 'backing-off');
    world.advance(61_000);
    others.answer = () => {};
    await sender.retry('other');
    await until('it is back', async () => (await sender.status.of('other')).state === 'live');
    expect(others.bodiesOf('other')).toEqual(['stays', 'last']);
    others.taken.length = 0;
    others.answer = ({ destination }) => {
      throw unreachable(destination);
    };
    await say(roomId, 'of one who is erased', HOUR_MS);
    await until('it is away again', async () => (await sender.status.of('other')).state === 'backing-off');
    await storage.write((transaction) => {
      const account = { userId: '@alice:test', passwordHash: null, createdTs: 1, isAdmin: 0, isGuest: 0 };
      transaction.run(insertUser, account);
      transaction.run(updateErased, { userId: '@alice:test', position: 1 });
    });
    others.answer = () => {};
    await sender.retry('other');
    await until('it is back again', async () => (await sender.status.of('other')).state === 'live');
    expect(others.bodiesOf('other')).toEqual([]);
  });

  test('an overflow of memory is told from the tables, no sticky event less', async () => {
    const { others, room, say, until, sender } = await start();
    let letGo = () => {};
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    others.answer = () => gate;
    const roomId = await room(['other']);
    for (let index = 0; index < 1_100; index++) await say(roomId, `plain ${index}`);
    for (const body of numbered('sticky', 60)) await say(roomId, body, HOUR_MS);
    letGo();
    await until('all is there', async () => (await sender.status.of('other')).state === 'live');
    const sticky = others.bodiesOf('other').filter((body) => body.startsWith('sticky'));
    expect([...new Set(sticky)].toSorted()).toEqual(numbered('sticky', 60).toSorted());
    expect(others.bodiesOf('other').length).toBeLessThan(300);
  }, 30_000);

  test('D4: who comes in gets what sticks there, and if nobody was there to notice', async () => {
    const first = await start();
    const { others, room, say, until } = first;
    const elsewhere = await room(['other']);
    const roomId = await room(['bystander']);
    for (const body of numbered('sticky', 70)) await say(roomId, body, HOUR_MS);
    await say(elsewhere, 'later');
    await until('it has what came later', () => others.bodiesOf('other').length === 1);
    // The sender does not live to see it come.
    await first.sender.stop();
    const roomNid = (await first.rooms.events.room(roomId))?.nid ?? 0;
    await storage.write((transaction) => bringIn(transaction, { roomId, roomNid, serverName: 'other' }));
    const second = await start({ seed: 2 });
    await second.until('it has all', () => second.others.bodiesOf('other').length === 70);
    expect(second.others.bodiesOf('other')).toEqual(numbered('sticky', 70));
  });
});

describe('a crash', () => {
  test('D3: loses nothing, and what was under way goes out again without new traffic', async () => {
    const world = createManualWorld();
    const dead = await start({ world });
    const roomId = await dead.room(['other']);
    await dead.say(roomId, 'arrived', HOUR_MS);
    await dead.until('the first is there', () => dead.others.taken.length === 1);
    world.advance(10_000);
    await dead.until('that is written', () => dead.timers() === 1);
    // From here on nothing gets out, and nobody is told that it did not: so it is when the process is killed.
    dead.others.answer = () => new Promise(() => {});
    for (const body of numbered('sticky', 60)) await dead.say(roomId, body, HOUR_MS);
    const others = new FakeDestinations();
    const { until } = await start({ world, seed: 2, others });
    await until('all is there', () => others.bodiesOf('other').includes('sticky 59'));
    await until('in order', () => new Set(others.bodiesOf('other')).size === 60);
    const bodies = others.bodiesOf('other').filter((body) => body !== 'sticky 59');
    expect(bodies).toEqual(numbered('sticky', 59));
    dead.others.answer = () => {};
    open = open.filter((one) => one !== dead);
  });

  test('after an orderly stop nothing goes out twice', async () => {
    const world = createManualWorld();
    const first = await start({ world });
    const roomId = await first.room(['other']);
    for (const body of ['one', 'two']) await first.say(roomId, body, HOUR_MS);
    await first.until('both are there', () => first.others.bodiesOf('other').length === 2);
    await first.sender.stop();
    const second = await start({ world, seed: 2 });
    await second.say(roomId, 'three', HOUR_MS);
    await second.until('it is there', () => second.others.bodiesOf('other').length > 0);
    expect(second.others.bodiesOf('other')).toEqual(['three']);
  });
});

describe('servers that are not there', () => {
  test('ten thousand of them are rows: no queues, and one timer', async () => {
    const { others, room, say, until, sender, timers } = await start();
    const names = numbered('s', 10_000).map((name) => name.replace(' ', ''));
    others.answer = ({ destination }) => {
      if (destination !== 'alive') throw unreachable(destination);
    };
    const roomId = await room([...names, 'alive']);
    await say(roomId, 'hello', HOUR_MS);
    await until('all were tried', () => others.tries.size === 10_001);
    await until('nothing is under way', () => sender.inMemory().underWay === 0);
    expect(sender.inMemory()).toMatchObject({ behind: 10_000, waitingEvents: 0 });
    // The next of all tries, how far everybody has come, and the hourly look for old EDUs.
    expect(timers()).toBeLessThanOrEqual(3);
    // What comes then costs them nothing.
    const tries = new Map(others.tries);
    const { reads } = storage.tally;
    await say(roomId, 'more', HOUR_MS);
    await until('the one that is there has it', () => others.bodiesOf('alive').length === 2);
    expect(storage.tally.reads - reads).toBeLessThan(20);
    expect([...others.tries].filter(([name, count]) => tries.get(name) !== count)).toEqual([['alive', 2]]);
    expect(sender.inMemory()).toMatchObject({ behind: 10_000, waitingEvents: 0 });
    await expect(sender.status.of('s77')).resolves.toMatchObject({
      state: 'backing-off',
      failures: 1,
      lastError: 'Nobody is there.',
      waiting: { events: 1, stickyEvents: 2 },
    });
    expect((await sender.status.list()).leftOut).toBe(9_500);
  }, 60_000);

  test('are asked again when they said, and not before', async () => {
    const { others, room, say, until, sender, world } = await start();
    const roomId = await room(['other']);
    others.answer = () => {
      throw new RemoteServerError('other', 'refused', 'Busy', { status: 429, retryAfterMs: 90_000 });
    };
    await say(roomId, 'hello', HOUR_MS);
    await until('it was asked', async () => (await sender.status.of('other')).state === 'backing-off');
    const { nextTryTs = 0 } = await sender.status.of('other');
    expect(nextTryTs - world.clock.nowMs()).toBeGreaterThanOrEqual(90_000);
    others.answer = () => {};
    world.advance(89_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(others.tries.get('other')).toBe(1);
    world.advance(11_000);
    await until('it has it', () => others.bodiesOf('other').length === 1);
  });

  test('EDUs wait for them, the newest ones', async () => {
    const { others, room, say, until, sender } = await start();
    const roomId = await room(['other']);
    others.answer = ({ destination }) => {
      throw unreachable(destination);
    };
    await say(roomId, 'hello');
    await until('it is away', async () => (await sender.status.of('other')).state === 'backing-off');
    for (let batch = 0; batch < 60; batch++) {
      await storage.write((transaction) => {
        for (let index = 0; index < 100; index++) {
          queueEdu(transaction, { serverName: 'other', type: 'm.test', contentJson: `{"n":${batch}}`, nowMs: 1 });
        }
      });
    }
    await until('the oldest are gone', async () => (await sender.status.of('other')).waiting.edus <= 5_200);
    const [oldest] = await storage.read(selectOutgoingEdus, { serverName: 'other', limit: 1 });
    expect(JSON.parse(oldest?.json ?? '{}').n).toBeGreaterThanOrEqual(7);
  });
});
