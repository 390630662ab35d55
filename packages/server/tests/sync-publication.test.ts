import { expect, test } from 'vitest';
import type { PublishedChange } from '../src/storage/change.ts';
import type { Storage } from '../src/storage/storage.ts';
import type { StreamVector } from '../src/storage/stream.ts';
import { createManualWorld } from './support/manual-world.ts';
import { SyncStory } from './support/sync-story.ts';
import { createTestServer } from './support/test-server.ts';
import { openTestStorage } from './support/test-storage.ts';

/** A storage whose publications come later than its commits, as long as they are held. */
function createLateStorage(storage: Storage) {
  const followers = new Set<(changes: readonly PublishedChange[]) => void>();
  let held: { readonly at: StreamVector; readonly changes: PublishedChange[] } | undefined;
  storage.stream.follow((changes) => {
    if (held === undefined) for (const follower of followers) follower(changes);
    else held.changes.push(...changes);
  });
  const current = () => held?.at ?? storage.stream.current();
  const late: Storage = {
    ...storage,
    // Counts go on with the storage that is asked.
    tally: storage.tally,
    stream: {
      current,
      follow(follower) {
        followers.add(follower);
        return () => followers.delete(follower);
      },
      since: (vector) =>
        storage.stream.since(vector)?.filter((change) => change.position <= (current().get(change.writer) ?? 0)),
    },
  };
  return {
    late,
    hold() {
      held = { at: storage.stream.current(), changes: [] };
    },
    release() {
      const changes = held?.changes ?? [];
      held = undefined;
      for (const follower of followers) follower(changes);
    },
  };
}

test.each(['joined', 'left'])(
  'a room that was %s is in the answer that ends after it, whatever was read before',
  async (what) => {
    const world = createManualWorld();
    const storage = await openTestStorage();
    const { late, hold, release } = createLateStorage(storage);
    const story = new SyncStory(world, await createTestServer({ world, storage: late }));
    const [alice, bob] = [await story.user('alice'), await story.user('bob')];
    const room = await story.room(alice);
    if (what === 'left') await story.join(bob, room);
    // Bob's memberships are not in memory: he goes on with a token of another user.
    const [client, other] = [story.client(bob), story.client(alice)];
    await other.sync();
    client.since = other.since;
    await story.say(alice, room, 'before');
    hold();
    if (what === 'left') await story.leave(bob, room);
    else await story.join(bob, room);
    const last = await story.say(alice, room, 'after');
    let isAnswered = false;
    const answering = client.sync().then((answer) => {
      isAnswered = true;
      return answer;
    });
    await story.settle();
    expect(isAnswered).toBe(false);
    release();
    const answer = await answering;
    expect(answer.roomIds(what === 'left' ? 'leave' : 'join')).toEqual([room]);
    expect(JSON.stringify(answer.body).includes(last)).toBe(what === 'joined');
    expect((await client.sync()).roomIds()).toEqual([]);
    await story.end();
    await storage.close();
  },
);

test('an event that is committed and not published is told once, with the token that has passed it', async () => {
  const world = createManualWorld();
  const storage = await openTestStorage();
  const { late, hold, release } = createLateStorage(storage);
  const story = new SyncStory(world, await createTestServer({ world, storage: late }));
  const [alice, bob] = [await story.user('alice'), await story.user('bob')];
  const room = await story.room(alice);
  await story.join(bob, room);
  const client = story.client(bob);
  await client.sync();
  const first = await story.say(alice, room, 'published');
  hold();
  const second = await story.say(alice, room, 'committed');
  await story.setTopic(alice, room, 'committed');
  const answer = await client.sync();
  expect([answer.timelineIds(room), answer.room(room).unread_notifications]).toEqual([
    [first],
    { notification_count: 1, highlight_count: 0 },
  ]);
  release();
  expect((await client.sync()).timelineIds(room)[0]).toBe(second);
  await story.end();
  await storage.close();
});
