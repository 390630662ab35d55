import { afterEach, describe, expect, test } from 'vitest';
import { createSendingStory, type SendingStory } from './support/sending-story.ts';

const opened: SendingStory[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((story) => story.stop()));
});

async function start(...names: string[]): Promise<SendingStory> {
  const story = await createSendingStory(names);
  opened.push(story);
  return story;
}

const HOUR_MS = 3_600_000;

describe('a server that is there', () => {
  test('D1: own events, sticky ones too, go at once to every server in the room, and to no other', async () => {
    const story = await start('a.test', 'b.test', 'c.test');
    const alice = await story.user('alice', 'a.test');
    const bob = await story.user('bob', 'b.test');
    const roomId = await story.room(alice);
    await bob.join(roomId, 'a.test');
    await alice.say(roomId, 'hello');
    await alice.say(roomId, 'sticks', HOUR_MS);
    await story.until('bob has both', async () => {
      await bob.sync();
      return bob.bodies.length === 2;
    });
    expect(bob.bodies).toEqual(['hello', 'sticks']);
    expect(bob.stickyBodies).toEqual(['sticks']);
    expect(story.federation.requests('a.test', 'c.test')).toEqual([]);
    // It does not go back where it came from.
    expect(story.transactions('b.test', 'a.test').flatMap(({ pdus }) => pdus)).toEqual([]);
  });
});
