import { afterEach, describe, expect, test } from 'vitest';
import { createTestRoomReading, eventsIn, type TestRoomReading } from './support/test-room-reading.ts';

const ALICE = '@alice:test';
const BOB = '@bob:test';
const CAROL = '@carol:test';

let started: TestRoomReading | undefined;

afterEach(async () => {
  await started?.close();
  started = undefined;
});

/** Alice's room with Bob in it. */
async function room() {
  const rooms = await createTestRoomReading();
  started = rooms;
  const roomId = await rooms.make({ name: 'The pub' });
  await rooms.membershipChanges.join({ roomId, userId: BOB });
  return { rooms, roomId, path: `/rooms/${encodeURIComponent(roomId)}` };
}

describe('/state', () => {
  test('gives one slot, its event, and everything', async () => {
    const { rooms, path } = await room();
    expect((await rooms.get(BOB, `${path}/state/m.room.name/`)).body).toEqual({ name: 'The pub' });
    expect((await rooms.get(BOB, `${path}/state/m.room.name`)).body).toEqual({ name: 'The pub' });
    expect((await rooms.get(BOB, `${path}/state/m.room.member/${encodeURIComponent(ALICE)}`)).body).toMatchObject({
      membership: 'join',
    });
    expect((await rooms.get(BOB, `${path}/state/m.room.name/?format=event`)).body).toMatchObject({
      type: 'm.room.name',
      state_key: '',
      sender: ALICE,
      content: { name: 'The pub' },
    });
    const { list } = await rooms.get(BOB, `${path}/state`);
    expect(list.map((event) => event.type).toSorted()).toEqual([
      'm.room.create',
      'm.room.guest_access',
      'm.room.history_visibility',
      'm.room.join_rules',
      'm.room.member',
      'm.room.member',
      'm.room.name',
      'm.room.power_levels',
    ]);
  });

  test('says what a state event took the place of', async () => {
    const { rooms, roomId, path } = await room();
    const { body: first } = await rooms.get(BOB, `${path}/state/m.room.name/?format=event`);
    expect(first.unsigned).not.toHaveProperty('prev_content');
    await rooms.setState(roomId, ALICE, 'm.room.name', { name: 'The inn' });
    expect((await rooms.get(BOB, `${path}/state/m.room.name/?format=event`)).body.unsigned).toMatchObject({
      prev_content: { name: 'The pub' },
      replaces_state: first.event_id,
    });
  });

  test('is for who left as it was then', async () => {
    const { rooms, roomId, path } = await room();
    await rooms.membershipChanges.kick({ roomId, sender: ALICE, target: BOB, reason: undefined });
    await rooms.setState(roomId, ALICE, 'm.room.name', { name: 'The inn' });
    await rooms.setState(roomId, ALICE, 'm.room.topic', { topic: 'Limpets' });
    expect((await rooms.get(BOB, `${path}/state/m.room.name/`)).body).toEqual({ name: 'The pub' });
    const own = await rooms.get(BOB, `${path}/state/m.room.member/${encodeURIComponent(BOB)}`);
    expect(own.body).toMatchObject({ membership: 'leave' });
    expect((await rooms.get(BOB, `${path}/state/m.room.topic/`)).body.errcode).toBe('M_NOT_FOUND');
    const { list } = await rooms.get(BOB, `${path}/state`);
    expect(list.find((event) => event.type === 'm.room.name')?.content).toEqual({ name: 'The pub' });
    expect(list.find((event) => event.state_key === BOB)?.content).toMatchObject({ membership: 'leave' });
    expect(list.some((event) => event.type === 'm.room.topic')).toBe(false);
  });

  test('refuses who is not in the room, and an empty slot', async () => {
    const { rooms, path } = await room();
    const answers = await Promise.all([
      rooms.get(CAROL, `${path}/state`),
      rooms.get(CAROL, `${path}/state/m.room.name/`),
      rooms.get(CAROL, `${path}/members`),
      rooms.get(CAROL, `${path}/joined_members`),
      rooms.get(CAROL, '/rooms/!none:test/state'),
      rooms.get(ALICE, `${path}/state/m.room.topic/`),
      rooms.get(ALICE, `${path}/state/__proto__/__proto__`),
      rooms.get(ALICE, `${path}/state/m.room.name/?format=yaml`),
    ]);
    expect(answers.map(({ status, body }) => [status, body.errcode])).toEqual([
      [403, 'M_FORBIDDEN'],
      [403, 'M_FORBIDDEN'],
      [403, 'M_FORBIDDEN'],
      [403, 'M_FORBIDDEN'],
      [403, 'M_FORBIDDEN'],
      [404, 'M_NOT_FOUND'],
      [404, 'M_NOT_FOUND'],
      [400, 'M_INVALID_PARAM'],
    ]);
  });
});

describe('members', () => {
  const memberships = (answer: { body: { chunk?: unknown } }) =>
    Object.fromEntries(
      eventsIn(answer.body.chunk as never).map((event) => [
        event.state_key,
        (event.content as { membership: string }).membership,
      ]),
    );

  test('now, by membership, and at a token of /sync', async () => {
    const { rooms, roomId, path } = await room();
    const before = rooms.syncToken();
    await rooms.membershipChanges.invite({ roomId, sender: ALICE, target: CAROL });
    await rooms.membershipChanges.leave({ roomId, userId: BOB });
    const ask = async (query: string) => memberships(await rooms.get(ALICE, `${path}/members${query}`));
    expect(await ask('')).toEqual({ [ALICE]: 'join', [BOB]: 'leave', [CAROL]: 'invite' });
    expect(await ask('?membership=invite')).toEqual({ [CAROL]: 'invite' });
    expect(await ask('?not_membership=leave')).toEqual({ [ALICE]: 'join', [CAROL]: 'invite' });
    // Either condition will do.
    expect(await ask('?membership=leave&not_membership=join')).toEqual({ [BOB]: 'leave', [CAROL]: 'invite' });
    expect(await ask(`?at=${before}`)).toEqual({ [ALICE]: 'join', [BOB]: 'join' });
    expect(await ask(`?at=${before}&membership=leave`)).toEqual({});
    expect((await rooms.get(ALICE, `${path}/members?membership=gone`)).body.errcode).toBe('M_INVALID_PARAM');
    expect((await rooms.get(ALICE, `${path}/members?at=nonsense`)).body.errcode).toBe('M_INVALID_PARAM');
  });

  test('who left learns of nobody who came later, whatever the token', async () => {
    const { rooms, roomId, path } = await room();
    await rooms.membershipChanges.leave({ roomId, userId: BOB });
    await rooms.membershipChanges.join({ roomId, userId: CAROL });
    const expected = { [ALICE]: 'join', [BOB]: 'leave' };
    expect(memberships(await rooms.get(BOB, `${path}/members`))).toEqual(expected);
    expect(memberships(await rooms.get(BOB, `${path}/members?at=${rooms.syncToken()}`))).toEqual(expected);
  });

  test('who joined a room that hides its past does not learn who was there before', async () => {
    const { rooms, roomId, path } = await room();
    await rooms.setState(roomId, ALICE, 'm.room.history_visibility', { history_visibility: 'joined' });
    await rooms.say(roomId, ALICE, 'A secret');
    const before = rooms.syncToken();
    await rooms.membershipChanges.leave({ roomId, userId: BOB });
    await rooms.membershipChanges.join({ roomId, userId: CAROL });
    const answer = memberships(await rooms.get(CAROL, `${path}/members?at=${before}`));
    expect(answer).toEqual({ [ALICE]: 'join', [BOB]: 'leave', [CAROL]: 'join' });
  });

  test('who is joined, with profiles, and which rooms one is joined to', async () => {
    const { rooms, roomId, path } = await room();
    const secondId = await rooms.make({ creator: BOB });
    await rooms.membershipChanges.invite({ roomId, sender: ALICE, target: CAROL });
    expect((await rooms.get(BOB, `${path}/joined_members`)).body).toEqual({
      joined: { [ALICE]: { display_name: 'alice' }, [BOB]: { display_name: 'bob' } },
    });
    expect((await rooms.get(CAROL, `${path}/joined_members`)).status).toBe(403);
    const joined = (await rooms.get(BOB, '/joined_rooms')).body.joined_rooms as string[];
    expect(joined.toSorted()).toEqual([roomId, secondId].toSorted());
    expect((await rooms.get(CAROL, '/joined_rooms')).body).toEqual({ joined_rooms: [] });
    await rooms.membershipChanges.leave({ roomId, userId: BOB });
    expect((await rooms.get(BOB, `${path}/joined_members`)).status).toBe(403);
  });
});

describe('stripped state', () => {
  test('tells the invited what the room is and who invites, and no more', async () => {
    const { rooms, roomId } = await room();
    await rooms.setState(roomId, ALICE, 'm.room.topic', { topic: 'Limpets' });
    await rooms.membershipChanges.invite({ roomId, sender: ALICE, target: CAROL });
    const record = await rooms.events.room(roomId);
    if (record === undefined) throw new Error('The room is not there');
    const stripped = JSON.parse(await rooms.reading.rooms.strippedState(record, CAROL)) as Record<string, unknown>[];
    expect(stripped.map(({ type, state_key }) => `${type} ${state_key}`).toSorted()).toEqual([
      'm.room.create ',
      'm.room.join_rules ',
      `m.room.member ${ALICE}`,
      `m.room.member ${CAROL}`,
      'm.room.name ',
      'm.room.topic ',
    ]);
    for (const event of stripped)
      expect(Object.keys(event).toSorted()).toEqual(['content', 'sender', 'state_key', 'type']);
  });
});
