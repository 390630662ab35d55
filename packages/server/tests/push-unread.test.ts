import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { eventsOf, SyncStory } from './support/sync-story.ts';
import type { SyncAnswer, SyncingClient } from './support/syncing-client.ts';

const BY_THREAD = { room: { timeline: { unread_thread_notifications: true } } };

let story: SyncStory;
let alice: Session;
let bob: Session;
let room: string;
/** Bob's other device. */
let other: SyncingClient;

beforeEach(async () => {
  story = await SyncStory.begin();
  [alice, bob] = [await story.user('alice'), await story.user('bob')];
  room = await story.room(alice);
  await story.join(bob, room);
  other = story.client(await story.login('bob'), BY_THREAD);
  await other.sync();
});

afterEach(() => story.end());

function counts(notifications: number, highlights = 0): JsonObject {
  return { notification_count: notifications, highlight_count: highlights };
}

/** The room's counts and, by their roots, those of its threads. */
function unread(answer: SyncAnswer): unknown[] {
  const { unread_notifications: main, unread_thread_notifications: threads } = answer.room(room);
  return [main, threads];
}

const inThread = (root: string) => ({ 'm.relates_to': { rel_type: 'm.thread', event_id: root } });

/** A membership of a call, as clients renew it every few minutes. */
async function stick(session: Session): Promise<void> {
  const path = `/rooms/${encodeURIComponent(room)}/send/m.rtc.member/call`;
  await story.do(session, 'PUT', `${path}?org.matrix.msc4354.sticky_duration_ms=60000`, { msc4354_sticky_key: 'call' });
}

// Specification: "Marking notifications as read".
describe('who sends an event has read what was before it', () => {
  test('his other devices hear of it with the event, and nobody sees a receipt', async () => {
    await story.say(alice, room, 'hello', { 'm.mentions': { user_ids: [bob.userId] } });
    expect(unread(await other.sync())).toEqual([counts(1, 1), {}]);
    const own = await story.say(bob, room, 'hi');
    const answer = await other.sync();
    expect(answer.timelineIds(room)).toEqual([own]);
    expect(unread(answer)).toEqual([counts(0), {}]);
    expect(eventsOf(answer.room(room).ephemeral)).toEqual([]);
    const seenByAlice = await story.client(alice).sync();
    expect(unread(seenByAlice)[0]).toEqual(counts(1));
    expect(eventsOf(seenByAlice.room(room).ephemeral)).toEqual([]);
  });

  test('a thread and the main timeline apart', async () => {
    const root = await story.say(alice, room, 'root');
    await story.say(alice, room, 'in thread', inThread(root));
    expect(unread(await other.sync())).toEqual([counts(1), { [root]: counts(1) }]);
    await story.say(bob, room, 'here', inThread(root));
    expect(unread(await other.sync())).toEqual([counts(1), {}]);
    await story.say(alice, room, 'in thread again', inThread(root));
    await story.say(bob, room, 'there');
    expect(unread(await other.sync())).toEqual([counts(0), { [root]: counts(1) }]);
  });

  test('sticky events and state events say nothing of that, since programs send them', async () => {
    await story.say(alice, room, 'hello');
    await stick(bob);
    await story.setState(bob, room, 'm.room.member', { membership: 'join', displayname: 'Robert' }, bob.userId);
    expect(unread(await other.sync())).toEqual([counts(1), {}]);
  });

  test('after a restart too', async () => {
    const root = await story.say(alice, room, 'one');
    await story.say(alice, room, 'in thread', inThread(root));
    await story.say(bob, room, 'two');
    const server = await story.restart();
    other.moveTo(server);
    expect(unread(await other.sync())).toEqual([counts(0), { [root]: counts(1) }]);
    await story.say(alice, room, 'three');
    expect(unread(await other.sync())).toEqual([counts(1), { [root]: counts(1) }]);
    await story.say(bob, room, 'four', inThread(root));
    expect(unread(await other.sync())).toEqual([counts(1), {}]);
  });
});
