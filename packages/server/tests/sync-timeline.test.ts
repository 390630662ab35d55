import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { eventsOf, idsOf, newsIn, SyncStory } from './support/sync-story.ts';

let story: SyncStory;
let alice: Session;
let bob: Session;
let room: string;

beforeEach(async () => {
  story = await SyncStory.begin();
  [alice, bob] = [await story.user('alice'), await story.user('bob')];
  room = await story.room(alice);
  await story.join(bob, room);
});

afterEach(() => story.end());

describe('the timeline of a joined room', () => {
  test('an initial sync gives the newest events, and the next one what came since', async () => {
    const sent = await story.sayMany(alice, room, 12);
    const client = story.client(bob);
    const first = await client.sync();
    expect(first.roomIds()).toEqual([room]);
    expect(first.timelineIds(room)).toEqual(sent.slice(-10));
    expect(first.room(room).timeline).toMatchObject({ limited: true });
    const later = await story.sayMany(alice, room, 3);
    const second = await client.sync();
    expect(second.timelineIds(room)).toEqual(later);
    expect(second.room(room).timeline).toMatchObject({ limited: false });
    expect(newsIn(await client.sync())).toEqual([]);
  });

  test('an event has no room_id here, and has its age', async () => {
    const client = story.client(bob);
    await client.sync();
    await story.say(alice, room, 'hello');
    story.world.advance(1_500);
    const [event] = (await client.sync()).room(room).timeline?.events ?? [];
    expect(event).not.toHaveProperty('room_id');
    expect(event).toMatchObject({ sender: alice.userId, unsigned: { age: 1_500, membership: 'join' } });
  });

  test.each([
    ['whatever it is', undefined],
    ['of some types', { types: ['m.room.message'] }],
    ['of some senders', { not_senders: ['@alice:localhost'] }],
  ])('prev_batch goes on through /messages without gap or overlap: events %s', async (_, filter) => {
    const sent = await story.sayMany(alice, room, 8);
    const client = story.client(bob, { room: { timeline: { limit: 4, ...filter } } });
    await client.sync();
    for (let count = 0; count < 9; count += 1) {
      sent.push(await story.say(alice, room, `a${count}`), await story.say(bob, room, `b${count}`));
    }
    const answer = await client.sync();
    const { timeline } = answer.room(room);
    expect(timeline?.limited).toBe(true);
    const before = await story.pagesBack(bob, room, timeline?.prev_batch ?? '');
    const first = timeline?.events[0]?.event_id ?? '';
    expect(sent).toContain(first);
    const expected = sent.slice(0, sent.indexOf(first)).toReversed();
    expect(before.map((event) => event.event_id).filter((id) => sent.includes(String(id)))).toEqual(expected);
  });

  test('limit 0 gives no event and says that there are some', async () => {
    const client = story.client(bob, { room: { timeline: { limit: 0 } } });
    await client.sync();
    const sent = await story.say(alice, room, 'hello');
    const { timeline } = (await client.sync()).room(room);
    expect(timeline).toMatchObject({ events: [], limited: true });
    expect((await story.pagesBack(bob, room, timeline?.prev_batch ?? ''))[0]).toMatchObject({ event_id: sent });
  });

  test('a room with other news has a prev_batch that leads to its newest event', async () => {
    const sent = await story.say(alice, room, 'hello');
    const client = story.client(bob);
    await client.sync();
    await story.read(alice, room, sent);
    const { timeline } = (await client.sync()).room(room);
    expect(timeline).toMatchObject({ events: [], limited: false });
    expect((await story.pagesBack(bob, room, timeline?.prev_batch ?? ''))[0]).toMatchObject({ event_id: sent });
  });

  test('a redacted event comes redacted, with what redacted it', async () => {
    const sent = await story.say(alice, room, 'oops');
    const client = story.client(bob);
    await client.sync();
    const path = `/rooms/${encodeURIComponent(room)}/redact/${encodeURIComponent(sent)}/r1`;
    const { event_id: redaction } = await story.do(alice, 'PUT', path, {});
    expect((await client.sync()).timelineIds(room)).toEqual([redaction]);
    const [event] = (await story.client(bob).sync()).room(room).timeline?.events.slice(-2) ?? [];
    expect(event).toMatchObject({
      event_id: sent,
      content: {},
      unsigned: { redacted_because: { event_id: redaction } },
    });
  });

  test('transaction_id is for the device that sent, and for no other', async () => {
    const second = await story.login('alice');
    const clients = [story.client(alice), story.client(second), story.client(bob)];
    for (const client of clients) await client.sync();
    await story.say(alice, room, 'mine');
    const seen: unknown[] = [];
    for (const client of clients) {
      const [event] = eventsOf((await client.sync()).room(room).timeline);
      seen.push((event?.unsigned as Record<string, unknown> | undefined)?.transaction_id);
    }
    expect(seen).toEqual(['t1', undefined, undefined]);
  });

  test('events of ignored users are not shown, but what they do to the state is', async () => {
    const client = story.client(bob);
    await client.sync();
    await story.setAccountData(bob, 'm.ignored_user_list', { ignored_users: { [alice.userId]: {} } });
    await story.say(alice, room, 'hidden');
    const topic = await story.setTopic(alice, room, 'shown');
    const own = await story.say(bob, room, 'mine');
    expect((await client.sync()).timelineIds(room)).toEqual([topic, own]);
  });
});

describe('filters', () => {
  test('rooms and not_rooms choose rooms', async () => {
    const other = await story.room(bob);
    expect((await story.client(bob, { room: { rooms: [other] } }).sync()).roomIds()).toEqual([other]);
    expect((await story.client(bob, { room: { not_rooms: [other] } }).sync()).roomIds()).toEqual([room]);
    const timeline = (await story.client(bob, { room: { timeline: { not_rooms: [room] } } }).sync()).room(
      room,
    ).timeline;
    expect(timeline?.events).toEqual([]);
  });

  test('a saved filter goes by its ID', async () => {
    const filter = { room: { timeline: { limit: 2 } } };
    const path = `/user/${encodeURIComponent(bob.userId)}/filter`;
    const { filter_id } = await story.do(bob, 'POST', path, filter);
    const sent = await story.sayMany(alice, room, 3);
    const answer = await story.client(bob).sync({ query: { filter: String(filter_id) } });
    expect(answer.timelineIds(room)).toEqual(sent.slice(-2));
  });

  test.each([
    ['{', 400, 'M_NOT_JSON'],
    ['{"room":{"timeline":{"limit":"many"}}}', 400, 'M_BAD_JSON'],
    ['{"room":7}', 400, 'M_BAD_JSON'],
    ['77', 404, 'M_NOT_FOUND'],
    ['mine', 404, 'M_NOT_FOUND'],
  ])('the filter %s is refused', async (filter, status, errcode) => {
    const answer = await story.ask(bob, 'GET', `/sync?filter=${encodeURIComponent(filter)}`);
    expect([answer.status, answer.body.errcode]).toEqual([status, errcode]);
  });

  test('event_fields keeps these alone', async () => {
    const client = story.client(bob, { event_fields: ['type', 'content.body'] });
    await client.sync();
    await story.say(alice, room, 'hello');
    const answer = await client.sync();
    expect(answer.room(room).timeline?.events).toEqual([{ type: 'm.room.message', content: { body: 'hello' } }]);
  });

  test('event_format federation gives events as servers have them', async () => {
    const client = story.client(bob, { event_format: 'federation' });
    await client.sync();
    await story.say(alice, room, 'hello');
    const [event] = (await client.sync()).room(room).timeline?.events ?? [];
    expect(event).toMatchObject({
      room_id: room,
      hashes: { sha256: expect.any(String) },
      auth_events: expect.any(Array),
    });
    expect(event).not.toHaveProperty('unsigned.age');
  });

  test('what a filter takes out moves the token all the same', async () => {
    const client = story.client(bob, { room: { timeline: { types: ['m.none'] } } });
    await client.sync();
    const since = client.since;
    await story.say(alice, room, 'hello');
    expect(newsIn(await client.sync())).toEqual([]);
    expect(client.since).not.toBe(since);
    expect(idsOf((await client.sync()).room(room).timeline)).toEqual([]);
  });
});
