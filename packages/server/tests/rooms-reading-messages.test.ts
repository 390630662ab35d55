import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { afterEach, describe, expect, test } from 'vitest';
import { createTestRoomReading, eventIds, eventsIn, type TestRoomReading } from './support/test-room-reading.ts';

const ALICE = '@alice:test';
const BOB = '@bob:test';
const CAROL = '@carol:test';

let started: TestRoomReading | undefined;

afterEach(async () => {
  await started?.close();
  started = undefined;
});

/** Alice's room with Bob in it and so many messages of hers. */
async function roomWith(count: number) {
  const rooms = await createTestRoomReading();
  started = rooms;
  const roomId = await rooms.make();
  await rooms.membershipChanges.join({ roomId, userId: BOB });
  const said: string[] = [];
  for (let index = 0; index < count; index++) said.push(await rooms.say(roomId, ALICE, `message ${index}`));
  return { rooms, roomId, path: `/rooms/${encodeURIComponent(roomId)}`, said };
}

/** All pages one after the other; the event IDs and how many pages it took. */
async function walk(rooms: TestRoomReading, userId: string, path: string) {
  const ids: JsonValue[] = [];
  let from: JsonValue | undefined;
  for (let pages = 1; ; pages++) {
    const { status, body } = await rooms.get(userId, from === undefined ? path : `${path}&from=${from}`);
    if (status !== 200 || pages > 50) throw new Error(`Page ${pages}: ${JSON.stringify(body)}`);
    ids.push(...eventIds(body.chunk));
    if (from !== undefined) expect(body.start).toBe(from);
    from = body.end;
    if (from === undefined) return { ids, pages };
  }
}

const filtered = (filter: JsonObject) => `&filter=${encodeURIComponent(JSON.stringify(filter))}`;

describe('/messages', () => {
  test('walks a room from its end to its start and back, each event once', async () => {
    const { rooms, path, said } = await roomWith(9);
    const backwards = await walk(rooms, BOB, `${path}/messages?dir=b&limit=4`);
    const forwards = await walk(rooms, BOB, `${path}/messages?dir=f&limit=5`);
    // Seven events made the room and let Bob in.
    expect(backwards.ids.slice(0, 9)).toEqual(said.toReversed());
    expect(backwards).toMatchObject({ pages: 4 });
    expect(backwards.ids).toHaveLength(16);
    expect(forwards.ids).toEqual(backwards.ids.toReversed());
    expect(forwards.pages).toBe(4);
  });

  test('a limit that fits exactly needs no page more', async () => {
    const { rooms, path } = await roomWith(1);
    expect(await walk(rooms, BOB, `${path}/messages?dir=b&limit=8`)).toMatchObject({ pages: 1 });
    expect(await walk(rooms, BOB, `${path}/messages?dir=b&limit=2000`)).toMatchObject({ pages: 1 });
    expect((await rooms.get(BOB, `${path}/messages?dir=b`)).body.end).toBeUndefined();
    expect((await rooms.get(BOB, `${path}/messages?dir=b&limit=0`)).body.chunk).toEqual([]);
  });

  test('takes tokens of /sync in both directions, and stops at "to"', async () => {
    const { rooms, roomId, path, said } = await roomWith(3);
    const middle = rooms.syncToken();
    const later = [await rooms.say(roomId, BOB, 'four'), await rooms.say(roomId, BOB, 'five')];
    const end = rooms.syncToken();
    const after = await rooms.get(BOB, `${path}/messages?dir=f&from=${middle}`);
    expect(eventIds(after.body.chunk)).toEqual(later);
    expect(after.body).toMatchObject({ start: middle });
    const before = await rooms.get(BOB, `${path}/messages?dir=b&limit=3&from=${middle}`);
    expect(eventIds(before.body.chunk)).toEqual(said.toReversed());
    const between = await rooms.get(BOB, `${path}/messages?dir=b&from=${end}&to=${middle}`);
    expect(eventIds(between.body.chunk)).toEqual(later.toReversed());
    expect(between.body.end).toBeUndefined();
    const forwards = await rooms.get(BOB, `${path}/messages?dir=f&limit=1&from=${middle}&to=${end}`);
    expect(eventIds(forwards.body.chunk)).toEqual(later.slice(0, 1));
    const rest = await rooms.get(BOB, `${path}/messages?dir=f&from=${forwards.body.end}&to=${end}`);
    expect(eventIds(rest.body.chunk)).toEqual(later.slice(1));
  });

  test('a filter takes out what it takes out, and pages go on', async () => {
    const { rooms, roomId, path, said } = await roomWith(4);
    await rooms.setState(roomId, ALICE, 'm.room.topic', { topic: 'Limpets' });
    const picture = {
      type: 'm.room.message',
      content: { msgtype: 'm.image', body: 'A shell', url: 'mxc://test/shell' },
    };
    const pictureId = await rooms.sending.sendEvent({ sender: { userId: BOB }, roomId, ...picture });
    const walkWith = (filter: JsonObject, limit = 2) =>
      walk(rooms, BOB, `${path}/messages?dir=b&limit=${limit}${filtered(filter)}`);
    expect((await walkWith({ types: ['m.room.message'] })).ids).toEqual([pictureId, ...said.toReversed()]);
    expect((await walkWith({ types: ['*.message'] })).ids).toEqual([pictureId, ...said.toReversed()]);
    expect((await walkWith({ contains_url: true })).ids).toEqual([pictureId]);
    expect((await walkWith({ senders: [BOB], not_types: ['m.room.mem*'] })).ids).toEqual([pictureId]);
    expect((await walkWith({ types: [] })).ids).toEqual([]);
    expect((await walkWith({ not_rooms: [roomId] })).ids).toEqual([]);
    expect((await walkWith({ types: ['m.room.mes_age', 'M.ROOM.MESSAGE', '%'] })).ids).toEqual([]);
  });

  test('lazy loading gives the member events of the senders alone', async () => {
    const { rooms, roomId, path } = await roomWith(2);
    await rooms.membershipChanges.join({ roomId, userId: CAROL });
    await rooms.say(roomId, BOB, 'Hello Carol');
    const { body } = await rooms.get(CAROL, `${path}/messages?dir=b&limit=2${filtered({ lazy_load_members: true })}`);
    expect(eventsIn(body.state).map((event) => event.state_key)).toEqual([BOB]);
    expect(eventsIn(body.chunk).map((event) => event.sender)).toEqual([BOB, CAROL]);
    expect((await rooms.get(CAROL, `${path}/messages?dir=b&limit=2`)).body).not.toHaveProperty('state');
  });

  test('what an ignored user says is left out, what that user does to the room is not', async () => {
    const { rooms, roomId, path, said } = await roomWith(2);
    const topicId = await rooms.setState(roomId, ALICE, 'm.room.topic', { topic: 'Limpets' });
    const bobsId = await rooms.say(roomId, BOB, 'Hello');
    rooms.ignored.set(BOB, new Set([ALICE]));
    const { body } = await rooms.get(BOB, `${path}/messages?dir=b&limit=4`);
    expect(eventIds(body.chunk)).toEqual([bobsId, topicId]);
    expect((await rooms.get(BOB, `${path}/event/${said[0]}`)).status).toBe(404);
    expect(eventIds((await rooms.get(ALICE, `${path}/messages?dir=b&limit=4`)).body.chunk)).toHaveLength(4);
  });

  test('who left sees up to the leaving, and who comes back sees all again', async () => {
    const { rooms, roomId, path, said } = await roomWith(1);
    await rooms.membershipChanges.leave({ roomId, userId: BOB });
    const unseen = await rooms.say(roomId, ALICE, 'Bob is gone');
    const { ids } = await walk(rooms, BOB, `${path}/messages?dir=b&limit=3`);
    expect(ids).toHaveLength(9);
    expect(ids[1]).toBe(said[0]);
    const forwards = await walk(rooms, BOB, `${path}/messages?dir=f&limit=3`);
    expect(forwards.ids).toEqual(ids.toReversed());
    await rooms.membershipChanges.join({ roomId, userId: BOB });
    expect((await walk(rooms, BOB, `${path}/messages?dir=b&limit=3`)).ids).toContain(unseen);
  });

  test('who forgot the room, or only was invited, may not', async () => {
    const { rooms, roomId, path } = await roomWith(1);
    await rooms.membershipChanges.leave({ roomId, userId: BOB });
    await rooms.membershipChanges.forget({ roomId, userId: BOB });
    await rooms.membershipChanges.invite({ roomId, sender: ALICE, target: CAROL });
    for (const userId of [BOB, CAROL, '@dora:test']) {
      const { status, body } = await rooms.get(userId, `${path}/messages?dir=b`);
      expect([status, body.errcode]).toEqual([403, 'M_FORBIDDEN']);
    }
    await rooms.membershipChanges.leave({ roomId, userId: CAROL });
    expect((await rooms.get(CAROL, `${path}/messages?dir=b`)).status).toBe(403);
    expect((await rooms.get(CAROL, `${path}/state`)).status).toBe(403);
  });

  test('goes over a long stretch that is hidden from who was away, and finds what is before it', async () => {
    const { rooms, roomId, path, said } = await roomWith(3);
    await rooms.setState(roomId, ALICE, 'm.room.history_visibility', { history_visibility: 'joined' });
    await rooms.membershipChanges.leave({ roomId, userId: BOB });
    for (let index = 0; index < 250; index++) await rooms.say(roomId, ALICE, 'hidden');
    await rooms.membershipChanges.join({ roomId, userId: BOB });
    const { ids, pages } = await walk(rooms, BOB, `${path}/messages?dir=b&limit=3`);
    // Both memberships, the visibility, what was said before and what made the room.
    expect(ids).toHaveLength(3 + 3 + 7);
    expect(ids.slice(3, 6)).toEqual(said.toReversed());
    expect(pages).toBeLessThanOrEqual(6);
    const forwards = await walk(rooms, BOB, `${path}/messages?dir=f&limit=3`);
    expect(forwards.ids).toEqual(ids.toReversed());
  });

  test('a world readable room is for everybody, from when on it is', async () => {
    const { rooms, roomId, path } = await roomWith(1);
    const openId = await rooms.setState(roomId, ALICE, 'm.room.history_visibility', {
      history_visibility: 'world_readable',
    });
    const saidId = await rooms.say(roomId, ALICE, 'Hello world');
    const { ids } = await walk(rooms, '@dora:test', `${path}/messages?dir=b&limit=3`);
    expect(ids).toEqual([saidId, openId]);
  });

  test('bad input', async () => {
    const { rooms, roomId, path } = await roomWith(1);
    const other = 't1_zzzzzz_5';
    const cases: [string, number, string][] = [
      [`${path}/messages`, 400, 'M_MISSING_PARAM'],
      [`${path}/messages?dir=x`, 400, 'M_INVALID_PARAM'],
      [`${path}/messages?dir=b&limit=-1`, 400, 'M_INVALID_PARAM'],
      [`${path}/messages?dir=b&limit=ten`, 400, 'M_INVALID_PARAM'],
      [`${path}/messages?dir=b&from=${other}`, 400, 'M_INVALID_PARAM'],
      [`${path}/messages?dir=b&from=s1_zzzzzz_1-5`, 400, 'M_INVALID_PARAM'],
      [`${path}/messages?dir=b&from=s1_${rooms.storage.databaseTag}_1-zzzzzzz`, 400, 'M_INVALID_PARAM'],
      [`${path}/messages?dir=b&to=nonsense`, 400, 'M_INVALID_PARAM'],
      [`${path}/messages?dir=b&filter=%7B`, 400, 'M_NOT_JSON'],
      [`${path}/messages?dir=b&filter=%7B%22types%22:1%7D`, 400, 'M_BAD_JSON'],
      [`${path}/messages?dir=b&filter=5`, 400, 'M_BAD_JSON'],
      ['/rooms/nonsense/messages?dir=b', 400, 'M_INVALID_PARAM'],
      ['/rooms/!none:test/messages?dir=b', 403, 'M_FORBIDDEN'],
    ];
    for (const [asked, status, errcode] of cases) {
      const answer = await rooms.get(ALICE, asked);
      expect([asked, answer.status, answer.body.errcode]).toEqual([asked, status, errcode]);
    }
    for (const index of ['zzzzzzzz', '-zzzzzzzz', '2gosa7pa2gv', '-2gosa7pa2gv']) {
      for (const dir of ['b', 'f']) {
        const token = `t1_${rooms.storage.databaseTag}_${index}`;
        expect((await rooms.get(ALICE, `${path}/messages?dir=${dir}&from=${token}&to=${token}`)).status).toBe(200);
      }
    }
    expect(roomId).toMatch(/^!/);
  });
});

describe('/context', () => {
  test('halves its limit, and its tokens go on where it ends', async () => {
    const { rooms, path, said } = await roomWith(9);
    const { body } = await rooms.get(BOB, `${path}/context/${said[4]}?limit=5`);
    expect(body.event).toMatchObject({ event_id: said[4] });
    expect(eventIds(body.events_before)).toEqual([said[3], said[2]]);
    expect(eventIds(body.events_after)).toEqual([said[5], said[6], said[7]]);
    expect(eventsIn(body.state)).toHaveLength(7);
    const older = await rooms.get(BOB, `${path}/messages?dir=b&limit=1&from=${body.start}`);
    expect(eventIds(older.body.chunk)).toEqual([said[1]]);
    const newer = await rooms.get(BOB, `${path}/messages?dir=f&limit=1&from=${body.end}`);
    expect(eventIds(newer.body.chunk)).toEqual([said[8]]);
  });

  test('state is that at the last event given, less what the filter takes', async () => {
    const { rooms, roomId, path, said } = await roomWith(2);
    await rooms.setState(roomId, ALICE, 'm.room.topic', { topic: 'Limpets' });
    const topicIn = (body: JsonObject) => eventsIn(body.state).some((event) => event.type === 'm.room.topic');
    expect(topicIn((await rooms.get(BOB, `${path}/context/${said[1]}?limit=0`)).body)).toBe(false);
    expect(topicIn((await rooms.get(BOB, `${path}/context/${said[1]}?limit=2`)).body)).toBe(true);
    const lazy = await rooms.get(BOB, `${path}/context/${said[1]}?limit=0${filtered({ lazy_load_members: true })}`);
    const members = eventsIn(lazy.body.state).filter((event) => event.type === 'm.room.member');
    expect(members.map((event) => event.state_key)).toEqual([ALICE]);
    expect(lazy.body).toMatchObject({ events_before: [], events_after: [] });
  });

  test('a filter that wants nothing of the room leaves the event alone', async () => {
    const { rooms, roomId, path, said } = await roomWith(3);
    for (const filter of [{ not_rooms: [roomId] }, { rooms: [] }]) {
      const { body } = await rooms.get(BOB, `${path}/context/${said[1]}?limit=5${filtered(filter)}`);
      expect(body.event).toMatchObject({ event_id: said[1] });
      expect([body.events_before, body.events_after, body.state]).toEqual([[], [], []]);
    }
  });

  test('an unknown event and one of another room are not found', async () => {
    const { rooms, path } = await roomWith(1);
    const otherId = await rooms.say(await rooms.make(), ALICE, 'elsewhere');
    for (const asked of [`context/$none`, `event/$none`, `context/${otherId}`, `event/${otherId}`]) {
      const { status, body } = await rooms.get(ALICE, `${path}/${asked}`);
      expect([asked, status, body.errcode]).toEqual([asked, 404, 'M_NOT_FOUND']);
    }
    expect((await rooms.get(ALICE, `${path}/event/none`)).body.errcode).toBe('M_INVALID_PARAM');
    expect((await rooms.get(CAROL, `${path}/context/$none`)).status).toBe(403);
  });
});

describe('the cost of a page', () => {
  test('grows with what is given, not with the room', async () => {
    const { rooms, roomId, path } = await roomWith(60);
    const ask = async () => {
      const { reads, rowsRead } = rooms.storage.tally;
      await rooms.get(BOB, `${path}/messages?dir=b&limit=5`);
      return { reads: rooms.storage.tally.reads - reads, rows: rooms.storage.tally.rowsRead - rowsRead };
    };
    await ask();
    const small = await ask();
    for (let index = 0; index < 40; index++) await rooms.say(roomId, ALICE, 'more');
    await ask();
    expect(await ask()).toEqual(small);
    expect(small.rows).toBeLessThanOrEqual(10);
  });
});
