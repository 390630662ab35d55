import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pushOver, TestUnread } from '../../../tests/support/test-unread.ts';
import { defineStatement } from '../../storage/statement.ts';
import { MAX_COUNTED } from './count-unread.ts';

const ALICE = '@alice:test';
const BOB = '@bob:test';
const CAROL = '@carol:test';

let world: TestUnread;

beforeEach(async () => {
  world = await TestUnread.open();
  await world.join(BOB, CAROL);
});

afterEach(() => world.storage.close());

const selectRows = defineStatement<Record<string, never>, { user_id: string; thread_id: string; room_index: number }>(
  'select user_id, thread_id, room_index from reads_by_sending order by user_id, thread_id',
);

async function rows(): Promise<[string, string, number][]> {
  const found = await world.storage.read(selectRows, {});
  return found.map((row) => [row.user_id, row.thread_id, row.room_index]);
}

/** Notifications of the main timeline and of each thread; the same from memory and from the tables. */
async function unread(userId: string): Promise<[number, Record<string, number>]> {
  const counts = await world.counts(userId);
  expect(await world.counts(userId, pushOver(world.storage))).toEqual(counts);
  const threads = Object.entries(counts.threads).map(([root, { notifications }]) => [root, notifications]);
  return [counts.main.notifications, Object.fromEntries(threads)];
}

const inThread = (root: string) => ({ 'm.relates_to': { rel_type: 'm.thread', event_id: root } });

describe('who sends an event has read what was before it', () => {
  test('in the main timeline, and nobody else has', async () => {
    await world.say(ALICE, 'hello, bob');
    await world.say(ALICE, 'are you there?');
    expect(await unread(BOB)).toEqual([2, {}]);
    await world.say(BOB, 'yes');
    expect(await unread(BOB)).toEqual([0, {}]);
    expect(await unread(CAROL)).toEqual([3, {}]);
    expect(await unread(ALICE)).toEqual([1, {}]);
    await world.say(ALICE, 'good, bob');
    expect((await world.counts(BOB)).all).toEqual({ notifications: 1, highlights: 1 });
  });

  test('in its thread, and not in another one', async () => {
    const [first, second] = [await world.say(ALICE, 'one'), await world.say(ALICE, 'two')];
    await world.say(ALICE, 'bob', inThread(first));
    await world.say(ALICE, 'bob', inThread(second));
    expect(await unread(BOB)).toEqual([2, { [first]: 1, [second]: 1 }]);
    await world.say(BOB, 'here', inThread(first));
    expect(await unread(BOB)).toEqual([2, { [second]: 1 }]);
    await world.say(BOB, 'hello');
    expect(await unread(BOB)).toEqual([0, { [second]: 1 }]);
    expect((await world.counts(BOB)).all).toEqual({ notifications: 1, highlights: 1 });
  });

  test('with what notifies nobody too: a reaction (in the thread of its parent), a notice, a redaction', async () => {
    const root = await world.say(ALICE, 'root');
    const reply = await world.say(ALICE, 'reply', inThread(root));
    const content = { 'm.relates_to': { rel_type: 'm.annotation', event_id: reply, key: '👍' } };
    expect(await unread(BOB)).toEqual([1, { [root]: 1 }]);
    await world.send(BOB, content, 'm.reaction');
    expect(await unread(BOB)).toEqual([1, {}]);
    const notice = await world.send(BOB, { msgtype: 'm.notice', body: 'beep' });
    expect(await unread(BOB)).toEqual([0, {}]);
    await world.say(ALICE, 'what?');
    expect(await unread(BOB)).toEqual([1, {}]);
    await world.redact(BOB, notice);
    expect(await unread(BOB)).toEqual([0, {}]);
  });

  test('also once it is redacted', async () => {
    await world.say(ALICE, 'hello');
    const own = await world.say(BOB, 'oops');
    await world.redact(ALICE, own);
    expect(await unread(BOB)).toEqual([0, {}]);
  });
});

test('sticky events and state events mark nothing as read: programs send those', async () => {
  await world.say(BOB, 'hello, alice');
  await world.stick(ALICE, { msgtype: 'm.text', body: 'in the call' });
  await world.setTopic(ALICE, 'calls');
  expect(await unread(ALICE)).toEqual([1, {}]);
  expect((await world.counts(ALICE)).all.highlights).toBe(1);
  expect(await rows()).toEqual([[BOB, '', await newestIndex(BOB)]]);
});

async function newestIndex(userId: string): Promise<number> {
  const found = (await rows()).filter(([user]) => user === userId).map(([, , roomIndex]) => roomIndex);
  return Math.max(0, ...found);
}

describe('rows', () => {
  test('who talks alone writes one, once; who answers moves his own', async () => {
    const first = await world.indexOf(await world.say(ALICE, 'one'));
    for (let sent = 0; sent < 5; sent++) await world.say(ALICE, 'more');
    expect(await rows()).toEqual([[ALICE, '', first]]);
    const answer = await world.indexOf(await world.say(BOB, 'one'));
    await world.send(BOB, { msgtype: 'm.notice', body: 'two' });
    expect(await rows()).toEqual([
      [ALICE, '', first],
      [BOB, '', answer],
    ]);
    const next = await world.indexOf(await world.say(ALICE, 'again'));
    expect(await rows()).toEqual([
      [ALICE, '', next],
      [BOB, '', answer],
    ]);
  });

  test('are removed with what they mark, a little at a time', async () => {
    await world.say(ALICE, 'bob!');
    await world.say(BOB, 'yes');
    await world.send(BOB, { msgtype: 'm.notice', body: 'elsewhere', ...inThread('$nowhere') });
    await world.say(ALICE, 'carol!');
    expect((await rows()).map(([userId, threadId]) => [userId, threadId])).toEqual([
      [ALICE, ''],
      [BOB, ''],
      [BOB, '$nowhere'],
    ]);
    for (let sent = 0; sent < MAX_COUNTED + 512; sent++) await world.stick(ALICE, { msgtype: 'm.text', body: 'hello' });
    expect(await rows()).toEqual([]);
    expect((await world.counts(BOB)).all).toEqual({ notifications: MAX_COUNTED, highlights: 0 });
    expect((await world.counts(CAROL)).all).toEqual({ notifications: MAX_COUNTED + 1, highlights: 1 });
    expect((await unread(BOB))[0]).toBe(MAX_COUNTED);
    expect((await unread(CAROL))[0]).toBe(MAX_COUNTED + 1);
  });
});
