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

describe('typing and receipts', () => {
  test('of our users are told to a server that is there, and to none that is not', async () => {
    const story = await start('a.test', 'b.test', 'c.test');
    const alice = await story.user('alice', 'a.test');
    const [bob, carol] = [await story.user('bob', 'b.test'), await story.user('carol', 'c.test')];
    const roomId = await story.room(alice);
    await bob.join(roomId, 'a.test');
    await carol.join(roomId, 'a.test');
    story.federation.cut('a.test', 'c.test');
    const eventId = await alice.say(roomId, 'hello');
    const { admin } = story.federation.server('a.test').server;
    await story.until('c.test is known to be away', async () => {
      const { destinations } = await admin.federationStatus({ destination: 'c.test' });
      return destinations[0]?.state === 'backing-off';
    });
    const edus = (to: string) => story.transactions('a.test', to).flatMap((sent) => sent.edus);
    // One after the other, since what is newer takes the place of what waits.
    const told = (count: number) => story.until('b.test was told', () => edus('b.test').length === count);
    const typing = `rooms/${roomId}/typing/${encodeURIComponent(alice.userId)}`;
    await alice.ok('PUT', typing, { typing: true, timeout: 20_000 });
    await told(1);
    await alice.ok('POST', `rooms/${roomId}/receipt/m.read/${encodeURIComponent(eventId)}`);
    await told(2);
    await alice.ok('PUT', typing, { typing: false });
    await told(3);
    expect(edus('b.test').map((edu) => edu.edu_type)).toEqual(['m.typing', 'm.receipt', 'm.typing']);
    expect(edus('b.test').find((edu) => edu.edu_type === 'm.receipt')?.content).toEqual({
      [roomId]: { 'm.read': { [alice.userId]: { data: { ts: story.world.clock.nowMs() }, event_ids: [eventId] } } },
    });
    expect(edus('c.test')).toEqual([]);
  });
});

describe('a server that is away', () => {
  test('D2: gets every unexpired sticky event when it is back, oldest first and once, by itself', async () => {
    const story = await start('a.test', 'b.test');
    const alice = await story.user('alice', 'a.test');
    const bob = await story.user('bob', 'b.test');
    const roomId = await story.room(alice);
    await bob.join(roomId, 'a.test');
    await alice.say(roomId, 'before', HOUR_MS);
    await story.until('bob has what came before', async () => {
      await bob.sync();
      return bob.stickyBodies.length === 1;
    });
    story.federation.cut('a.test', 'b.test');
    const sticky = Array.from({ length: 500 }, (_, index) => `sticky ${index}`);
    for (const [index, body] of sticky.entries()) {
      await alice.say(roomId, body, HOUR_MS);
      if (index % 5 === 0) await alice.say(roomId, `message ${index}`);
    }
    story.federation.heal('a.test', 'b.test');
    story.federation.clearRequests();
    await story.untilInTime('bob has all', async () => {
      await bob.sync();
      return bob.stickyBodies.length >= 501;
    });
    expect(bob.stickyBodies.toSorted()).toEqual(['before', ...sticky].toSorted());
    const pushed = story.transactions('a.test', 'b.test').filter(({ status }) => status === 200);
    const bodies = pushed.flatMap(({ pdus }) => pdus.map(({ content }) => String(content.body)));
    const inOrder = bodies.filter((body) => body.startsWith('sticky') && body !== 'sticky 499');
    expect([...new Set(inOrder)]).toEqual(sticky.slice(0, 499));
    expect(Math.max(...pushed.map(({ pdus }) => pdus.length))).toBe(50);
  }, 60_000);

  test('D3: is told after the sender started again, which wakes by itself', async () => {
    const story = await start('a.test', 'b.test');
    const alice = await story.user('alice', 'a.test');
    const bob = await story.user('bob', 'b.test');
    const roomId = await story.room(alice);
    await bob.join(roomId, 'a.test');
    story.federation.cut('a.test', 'b.test');
    for (const body of ['one', 'two', 'three']) await alice.say(roomId, body, HOUR_MS);
    await story.federation.restart('a.test');
    await story.federation.restart('a.test');
    story.federation.heal('a.test', 'b.test');
    await story.untilInTime('bob has all', async () => {
      await bob.sync();
      return bob.stickyBodies.length === 3;
    });
    expect(bob.stickyBodies).toEqual(['one', 'two', 'three']);
  });

  test('is told at once when it is heard from', async () => {
    const story = await start('a.test', 'b.test');
    const alice = await story.user('alice', 'a.test');
    const bob = await story.user('bob', 'b.test');
    const roomId = await story.room(alice);
    await bob.join(roomId, 'a.test');
    story.federation.cut('a.test', 'b.test');
    await alice.say(roomId, 'missed', HOUR_MS);
    // Until the next try is many minutes off.
    const status = async () => (await story.federation.server('a.test').server.admin.federationStatus({})).destinations;
    await story.untilInTime('a.test waits for long', async () => ((await status())[0]?.failures ?? 0) >= 9);
    story.federation.heal('a.test', 'b.test');
    story.world.advance(10_000);
    expect((await status())[0]?.nextTryTs).toBeGreaterThan(story.world.clock.nowMs() + 60_000);
    await bob.say(roomId, 'I am here');
    await story.until('bob has it', async () => {
      await bob.sync();
      return bob.stickyBodies.length === 1;
    });
    expect(await status()).toMatchObject([{ destination: 'b.test', state: 'live', lastSuccessTs: expect.anything() }]);
  });
});

describe('a server that comes into a room', () => {
  test('D4: gets what sticks from who let it in and from who only saw it come, whatever it had before', async () => {
    const story = await start('a.test', 'b.test', 'c.test');
    const alice = await story.user('alice', 'a.test');
    const bob = await story.user('bob', 'b.test');
    const carol = await story.user('carol', 'c.test');
    const roomId = await story.room(alice);
    const otherRoomId = await story.room(alice);
    await carol.join(otherRoomId, 'a.test');
    await bob.join(roomId, 'a.test');
    await alice.say(roomId, 'of alice', HOUR_MS);
    await bob.say(roomId, 'of bob', HOUR_MS);
    // Since then c.test was told of the other room, up to a later point of the stream.
    await alice.say(otherRoomId, 'elsewhere');
    await story.until('carol has heard of the other room', async () => {
      await carol.sync();
      return carol.bodies.includes('elsewhere');
    });
    await carol.join(roomId, 'a.test');
    const pushed = (from: string) =>
      story.transactions(from, 'c.test').flatMap(({ pdus }) => pdus.map(({ content }) => content.body));
    await story.until('both were told', () => pushed('a.test').length === 2 && pushed('b.test').length === 1);
    expect(pushed('a.test')).toEqual(['elsewhere', 'of alice']);
    expect(pushed('b.test')).toEqual(['of bob']);
    await story.untilInTime('carol has both', async () => {
      await carol.sync();
      return carol.stickyBodies.length === 2;
    });
    expect(carol.stickyBodies.toSorted()).toEqual(['of alice', 'of bob']);
    const joins = story.transactions('a.test', 'c.test').flatMap(({ pdus }) => pdus);
    expect(joins.filter(({ type, sender }) => type === 'm.room.member' && sender === carol.userId)).toEqual([]);
  });

  test('D4: gets what sticks once more where it said no word of it, as one that still joins does', async () => {
    let dropped = 0;
    const story = await createSendingStory(['a.test', 'b.test'], {
      onRequest: async ({ path }, pass) => {
        if (!path.startsWith('/_matrix/federation/v1/send/') || dropped++ > 0) return pass();
        return { status: 200, headers: {}, body: '{"pdus":{}}' };
      },
    });
    opened.push(story);
    const alice = await story.user('alice', 'a.test');
    const bob = await story.user('bob', 'b.test');
    const roomId = await story.room(alice);
    await alice.say(roomId, 'sticks', HOUR_MS);
    await bob.join(roomId, 'a.test');
    const pushed = () => story.transactions('a.test', 'b.test').flatMap(({ pdus }) => pdus);
    await story.untilInTime('it is sent again', () => pushed().length === 2);
    expect(pushed().map(({ content }) => content.body)).toEqual(['sticks', 'sticks']);
    story.world.advance(HOUR_MS / 2);
    expect(pushed()).toHaveLength(2);
  });

  test('who is put out gets the event that does it, and nothing after', async () => {
    const story = await start('a.test', 'b.test');
    const alice = await story.user('alice', 'a.test');
    const bob = await story.user('bob', 'b.test');
    const roomId = await story.room(alice);
    await bob.join(roomId, 'a.test');
    story.federation.cut('a.test', 'b.test');
    await alice.say(roomId, 'missed');
    await alice.ok('POST', `rooms/${roomId}/kick`, { user_id: bob.userId });
    await alice.say(roomId, 'not for bob');
    story.federation.heal('a.test', 'b.test');
    story.federation.clearRequests();
    await story.untilInTime('the kick came', () =>
      story
        .transactions('a.test', 'b.test')
        .some(({ pdus }) => pdus.some(({ content }) => content.membership === 'leave')),
    );
    await story.until('nothing waits', async () => {
      const { destinations } = await story.federation.server('a.test').server.admin.federationStatus({});
      return destinations.every(({ state }) => state === 'live');
    });
    const pushed = story.transactions('a.test', 'b.test').flatMap(({ pdus }) => pdus);
    expect(pushed.map(({ content }) => content.body ?? content.membership)).toEqual(['leave']);
  });
});
