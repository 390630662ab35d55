import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { eventually } from './support/eventually.ts';
import { bodyOf, type FakeAnswer, FakeResident, refusal } from './support/fake-resident.ts';
import { createFakeFederation, type FakeFederation } from './support/fake-resident-federation.ts';
import type { TestResponse, TestServer } from './support/test-server.ts';

const CLIENT = '/_matrix/client/v3';
const opened: FakeFederation[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ federation }) => federation.stop()));
});

interface World extends FakeFederation {
  readonly server: TestServer;
  readonly alice: Session;
  readonly far: FakeResident;
  /** Asks as a user (alice) of the server under test. */
  ask(method: 'GET' | 'POST' | 'PUT', path: string, body?: JsonObject, who?: Session): Promise<TestResponse>;
  sync(since?: string, who?: Session): Promise<Answer>;
}

interface Answer {
  readonly next_batch: string;
  readonly rooms?: { readonly [section: string]: { readonly [roomId: string]: Room } };
}

interface Room {
  readonly timeline?: { readonly events: readonly Shown[]; readonly prev_batch: string; readonly limited: boolean };
  readonly state?: { readonly events: readonly Shown[] };
  readonly invite_state?: { readonly events: readonly Shown[] };
  readonly knock_state?: { readonly events: readonly Shown[] };
}

interface Shown {
  readonly type: string;
  readonly state_key?: string;
  readonly sender: string;
  readonly content: JsonObject;
}

async function start(far = new FakeResident('far.test')): Promise<World> {
  const fake = await createFakeFederation(['here.test'], [far]);
  opened.push(fake);
  const server = fake.federation.server('here.test');
  const alice = await server.createUser('alice');
  const ask: World['ask'] = (method, path, body, who = alice) =>
    server.request(method, `${CLIENT}/${path}`, {
      token: who.accessToken,
      ...(method === 'GET' ? {} : { body: body ?? {} }),
    });
  return {
    ...fake,
    server,
    alice,
    far,
    ask,
    async sync(since, who) {
      const answer = await ask('GET', `sync?timeout=0${since === undefined ? '' : `&since=${since}`}`, undefined, who);
      return answer.body as unknown as Answer;
    },
  };
}

function failure({ status, body }: TestResponse): unknown[] {
  return [status, body.errcode];
}

function bodies(events: readonly Shown[] = []): unknown[] {
  return events.filter(({ type }) => type === 'm.room.message').map(({ content }) => content.body);
}

describe('names of other servers', () => {
  test('an alias leads where its server says, and not where there is none', async () => {
    const { ask, far } = await start();
    expect((await ask('GET', `directory/room/${encodeURIComponent('#far:far.test')}`)).body).toEqual({
      room_id: far.roomId,
      servers: ['far.test'],
    });
    expect(failure(await ask('GET', `directory/room/${encodeURIComponent('#no:far.test')}`))).toEqual([
      404,
      'M_NOT_FOUND',
    ]);
    expect(failure(await ask('GET', `directory/room/${encodeURIComponent('#no:gone.test')}`))).toEqual([
      502,
      'M_UNKNOWN',
    ]);
    far.lie('query', () => ({ status: 200, body: { room_id: 7 } }));
    expect(failure(await ask('GET', `directory/room/${encodeURIComponent('#far:far.test')}`))).toEqual([
      502,
      'M_UNKNOWN',
    ]);
  });

  test('a profile is asked for once a while', async () => {
    const { ask, far, world } = await start();
    const profile = `profile/${encodeURIComponent(far.creator)}`;
    expect((await ask('GET', profile)).body).toEqual({ displayname: 'The owner', 'org.example.colour': 'red' });
    expect((await ask('GET', `${profile}/displayname`)).body).toEqual({ displayname: 'The owner' });
    expect(failure(await ask('GET', `${profile}/avatar_url`))).toEqual([404, 'M_NOT_FOUND']);
    expect(far.asked).toEqual(['GET query']);
    world.advance(60_000);
    await ask('GET', profile);
    expect(far.asked).toEqual(['GET query', 'GET query']);
    expect(failure(await ask('GET', `profile/${encodeURIComponent('@nobody:far.test')}`))).toEqual([
      404,
      'M_NOT_FOUND',
    ]);
    expect(failure(await ask('GET', `profile/${encodeURIComponent('@x:gone.test')}`))).toEqual([502, 'M_UNKNOWN']);
  });

  test('a room takes an alias of another server that leads to it, and no other', async () => {
    const { ask, far } = await start();
    const roomId = String((await ask('POST', 'createRoom')).body.room_id);
    const set = (alias: string) => ask('PUT', `rooms/${roomId}/state/m.room.canonical_alias`, { alt_aliases: [alias] });
    expect(failure(await set('#far:far.test'))).toEqual([400, 'M_BAD_ALIAS']);
    far.lie('query', () => ({ status: 200, body: { room_id: roomId, servers: [] } }));
    expect((await set('#far:far.test')).status).toBe(200);
  });
});

describe('joining a room of another server', () => {
  test.each(['1', '3', '6', '10', '11', '12'])(
    'of version %s: its state and what comes after are there',
    async (version) => {
      const world = await start(new FakeResident('far.test', { version }));
      const { ask, far, alice, sync } = world;
      const joined = await ask('POST', `join/${encodeURIComponent('#far:far.test')}`, { reason: 'Curious' });
      expect(joined.body).toEqual({ room_id: far.roomId });
      const room = (await sync()).rooms?.join?.[far.roomId];
      const all = [...(room?.state?.events ?? []), ...(room?.timeline?.events ?? [])];
      expect(all.find(({ type }) => type === 'm.room.name')?.content).toEqual({ name: 'Far away' });
      const own = all.find(({ state_key: key }) => key === alice.userId);
      expect(own?.content).toEqual({ membership: 'join', reason: 'Curious' });
      const send = `rooms/${far.roomId}/send/m.room.message/1`;
      expect((await ask('PUT', send, { msgtype: 'm.text', body: 'Here I am' })).status).toBe(200);
    },
  );

  test('a second user needs nobody’s help', async () => {
    const { ask, far, server } = await start();
    await ask('POST', `join/${far.roomId}?via=far.test`);
    const asked = far.asked.length;
    const bob = await server.createUser('bob');
    expect((await ask('POST', `join/${far.roomId}`, {}, bob)).status).toBe(200);
    expect(far.asked).toHaveLength(asked);
  });

  test('two at once: one brings the room, both are in it', async () => {
    const { ask, far, server, sync } = await start();
    const bob = await server.createUser('bob');
    const join = `join/${far.roomId}?server_name=far.test`;
    const answers = await Promise.all([ask('POST', join), ask('POST', join, {}, bob), ask('POST', join)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(far.asked.filter((one) => one === 'PUT send_join')).toHaveLength(1);
    for (const who of [undefined, bob])
      expect(Object.keys((await sync(undefined, who)).rooms?.join ?? {})).toHaveLength(1);
  });

  test('what fails leaves nothing, and says why', async () => {
    const { ask, far, sync, server, alice } = await start();
    expect(failure(await ask('POST', `join/${far.roomId}?via=gone.test`))).toEqual([200, undefined]);
    const other = `join/${encodeURIComponent('!other:far.test')}`;
    expect(failure(await ask('POST', other))).toEqual([404, 'M_NOT_FOUND']);
    expect(failure(await ask('POST', `join/${encodeURIComponent(`!${'A'.repeat(43)}`)}`))).toEqual([
      404,
      'M_NOT_FOUND',
    ]);
    far.lie('make_join', () => refusal(400, 'M_INCOMPATIBLE_ROOM_VERSION', { room_version: 'org.example.99' }));
    const refused = await ask('POST', `join/${encodeURIComponent('!new:far.test')}`);
    expect(refused.body).toMatchObject({ errcode: 'M_INCOMPATIBLE_ROOM_VERSION', room_version: 'org.example.99' });
    expect(Object.keys((await sync()).rooms?.join ?? {})).toEqual([far.roomId]);
    expect(await server.server.services.memberships.ofUser(alice.userId)).toHaveLength(1);
  });

  test('that is restricted, where nobody here may let others in, takes the word of another server', async () => {
    const { ask, far, server, sync } = await start(new FakeResident('far.test', { version: '10' }));
    const bob = await server.createUser('bob');
    const club = String((await ask('POST', 'createRoom', { preset: 'public_chat' })).body.room_id);
    await ask('POST', `join/${club}`, {}, bob);
    const allow = [{ type: 'm.room_membership', room_id: club }];
    far.setState('m.room.power_levels', '', { users: { [far.creator]: 100 }, invite: 50 });
    far.setState('m.room.join_rules', '', { join_rule: 'restricted', allow });
    await ask('POST', `join/${far.roomId}`);
    // Something that has not come here before Bob does.
    far.say('meanwhile');
    expect((await ask('POST', `join/${far.roomId}`, {}, bob)).status).toBe(200);
    expect(Object.keys((await sync(undefined, bob)).rooms?.join ?? {}).sort()).toEqual([club, far.roomId].sort());
    const { body } = await ask('GET', `rooms/${far.roomId}/state/m.room.member/${bob.userId}`);
    expect(body).toMatchObject({ membership: 'join', join_authorised_via_users_server: far.creator });
    const carol = await server.createUser('carol');
    const asked = far.asked.length;
    expect(failure(await ask('POST', `join/${far.roomId}`, {}, carol))).toEqual([403, 'M_FORBIDDEN']);
    expect(far.asked).toHaveLength(asked);
  });

  test('E2: what comes while the answer is on its way is there after the join', async () => {
    const { ask, far, server, sync } = await start();
    far.lie('send_join', async (answer) => {
      const { uri, authorization, body } = far.transaction('here.test', [far.say('early')]);
      const sent = await server.request('PUT', uri, { body, headers: { authorization } });
      expect(sent.status).toBe(200);
      return answer;
    });
    expect((await ask('POST', `join/${far.roomId}`)).status).toBe(200);
    await eventually(async () => {
      expect(bodies((await sync()).rooms?.join?.[far.roomId]?.timeline?.events)).toEqual(['early']);
    });
  });

  test('again after leaving brings the room up to date', async () => {
    const { ask, far, sync } = await start();
    await ask('POST', `join/${far.roomId}`);
    const left = await ask('POST', `rooms/${far.roomId}/leave`);
    expect(left.status).toBe(200);
    far.setState('m.room.name', '', { name: 'Farther' });
    const { next_batch: since } = await sync();
    expect((await ask('POST', `join/${far.roomId}`)).status).toBe(200);
    const room = (await sync(since)).rooms?.join?.[far.roomId];
    const names = [...(room?.state?.events ?? []), ...(room?.timeline?.events ?? [])].filter(
      ({ type }) => type === 'm.room.name',
    );
    expect(names.map(({ content }) => content.name)).toEqual(['Farther']);
  });
});

describe('the past of a room of another server', () => {
  test('comes page by page, down to its beginning, and no further', async () => {
    const far = new FakeResident('far.test');
    for (let index = 1; index <= 150; index++) far.say(`${index}`);
    const { ask } = await start(far);
    await ask('POST', `join/${far.roomId}`);
    const seen: unknown[] = [];
    const types: string[] = [];
    let from = '';
    for (let page = 1; page <= 10; page++) {
      const answer = await ask('GET', `rooms/${far.roomId}/messages?dir=b&limit=50&from=${from}`);
      const chunk = answer.body.chunk as unknown as Shown[];
      seen.push(...bodies(chunk));
      types.push(...chunk.map(({ type }) => type));
      if (answer.body.end === undefined) break;
      from = String(answer.body.end);
    }
    expect(seen).toEqual(Array.from({ length: 150 }, (_, index) => `${150 - index}`));
    expect(types.at(-1)).toBe('m.room.create');
    expect(far.asked.filter((one) => one === 'GET backfill')).toHaveLength(2);
  });

  test('fills the gap between leaving and coming back, and what was here before comes after it', async () => {
    const far = new FakeResident('far.test');
    far.say('before');
    const { ask, sync } = await start(far);
    await ask('POST', `join/${far.roomId}`);
    await ask('PUT', `rooms/${far.roomId}/send/m.room.message/1`, { msgtype: 'm.text', body: 'mine' });
    await ask('POST', `rooms/${far.roomId}/leave`);
    far.say('one');
    far.say('two');
    const { next_batch: since } = await sync();
    await ask('POST', `join/${far.roomId}`);
    const timeline = (await sync(since)).rooms?.join?.[far.roomId]?.timeline;
    // What stands on the other side of the gap does not belong right before the join.
    expect(timeline?.events.map(({ content }) => content.membership)).toEqual(['join']);
    const read = async (from: string, limit: number) =>
      (await ask('GET', `rooms/${far.roomId}/messages?dir=b&from=${from}&limit=${limit}`)).body;
    const first = await read(String(timeline?.prev_batch), 1);
    expect(bodies(first.chunk as unknown as Shown[])).toEqual(['two']);
    const rest = await read(String(first.end), 50);
    expect(bodies(rest.chunk as unknown as Shown[])).toEqual(['one', 'mine', 'before']);
    expect(rest.end).toBeUndefined();
    const asked = far.asked.length;
    expect(bodies((await read('', 50)).chunk as unknown as Shown[])).toEqual(['two', 'one', 'mine', 'before']);
    expect(far.asked).toHaveLength(asked);
  });

  test('goes on beyond a gap that nobody fills', async () => {
    const { ask, far } = await start();
    await ask('POST', `join/${far.roomId}`);
    await ask('PUT', `rooms/${far.roomId}/send/m.room.message/1`, { msgtype: 'm.text', body: 'mine' });
    await ask('POST', `rooms/${far.roomId}/leave`);
    far.say('lost');
    await ask('POST', `join/${far.roomId}`);
    far.lie('backfill', () => refusal(403, 'M_FORBIDDEN'));
    const { body } = await ask('GET', `rooms/${far.roomId}/messages?dir=b&limit=50`);
    expect(bodies(body.chunk as unknown as Shown[])).toEqual(['mine']);
  });

  test.each([
    ['nothing', () => ({ status: 200, body: { pdu_ids: [], auth_chain_ids: [] } })],
    ['what is none', () => ({ status: 200, body: { pdu_ids: 7, auth_chain_ids: [{}] } })],
    ['events that nobody has', () => ({ status: 200, body: { pdu_ids: ['$a', '$b'], auth_chain_ids: [] } })],
    ['no answer', () => refusal(404, 'M_NOT_FOUND')],
  ])('is not taken where the state before it is %s', async (_what, lie) => {
    const far = new FakeResident('far.test');
    for (let index = 1; index <= 100; index++) far.say(`${index}`);
    const { ask } = await start(far);
    await ask('POST', `join/${far.roomId}`);
    far.lie('state_ids', lie);
    const { body } = await ask('GET', `rooms/${far.roomId}/messages?dir=b`);
    expect((body.chunk as unknown as Shown[]).map(({ type }) => type)).toEqual(['m.room.member']);
    expect(body.end).toBeDefined();
  });

  test('is around an event, too', async () => {
    const far = new FakeResident('far.test');
    far.say('before');
    const { ask, alice } = await start(far);
    await ask('POST', `join/${far.roomId}`);
    const { body } = await ask('GET', `rooms/${far.roomId}/state/m.room.member/${alice.userId}?format=event`);
    const context = await ask('GET', `rooms/${far.roomId}/context/${encodeURIComponent(String(body.event_id))}`);
    expect(bodies(context.body.events_before as unknown as Shown[])).toEqual(['before']);
  });

  test.each([
    ['refuses', () => refusal(403, 'M_FORBIDDEN')],
    ['answers HTML', () => ({ status: 200, body: null, text: '<html>' })],
    [
      'gives events that nothing here rests on',
      () => ({ status: 200, body: { pdus: [new FakeResident('far.test').say('x').json] } }),
    ],
    ['gives what is none', () => ({ status: 200, body: { pdus: [1, null, {}, { type: 7 }] } })],
    [
      'gives itself as its past',
      (answer: FakeAnswer) => {
        const pdus = bodyOf(answer).pdus as JsonObject[];
        return { status: 200, body: { pdus: pdus.map((pdu) => ({ ...pdu, prev_events: ['$x', '$y'] })) } };
      },
    ],
  ])('is what there is where the other server %s', async (_what, lie) => {
    const far = new FakeResident('far.test');
    far.say('hidden');
    const { ask, world } = await start(far);
    await ask('POST', `join/${far.roomId}`);
    far.lie('backfill', lie);
    const read = async () => (await ask('GET', `rooms/${far.roomId}/messages?dir=b`)).body;
    const first = await read();
    expect((first.chunk as unknown as Shown[]).map(({ type }) => type)).toEqual(['m.room.member']);
    // There is more: whoever comes back later may get it.
    expect(first.end).toBeDefined();
    const asked = far.asked.length;
    await read();
    expect(far.asked).toHaveLength(asked);
    far.lie('backfill', (answer) => answer);
    world.advance(30_000);
    expect(bodies((await read()).chunk as unknown as Shown[])).toEqual(['hidden']);
  });
});

describe('inviting a user of another server', () => {
  const BOB = '@bob:far.test';

  test('takes that server’s signature, and tells it of the room', async () => {
    const { ask, federation, far } = await start();
    const roomId = String((await ask('POST', 'createRoom', { name: 'Here' })).body.room_id);
    expect((await ask('POST', `rooms/${roomId}/invite`, { user_id: BOB, reason: 'Come' })).status).toBe(200);
    const { body } = await ask('GET', `rooms/${roomId}/state/m.room.member/${BOB}`);
    expect(body).toMatchObject({ membership: 'invite', reason: 'Come' });
    const [sent] = federation.requests('here.test', 'far.test').filter(({ method }) => method === 'PUT');
    const told = JSON.parse(sent?.body ?? '{}');
    expect(told.room_version).toBe('12');
    const create = told.invite_room_state.find((event: Shown) => event.type === 'm.room.create');
    expect(Object.keys(create)).toContain('auth_events');
    expect(far.asked.filter((one) => one === 'PUT invite')).toHaveLength(1);
    // Inviting again is nothing new.
    expect((await ask('POST', `rooms/${roomId}/invite`, { user_id: BOB })).status).toBe(200);
    expect(far.asked.filter((one) => one === 'PUT invite')).toHaveLength(1);
  });

  test('goes into a room that went on meanwhile', async () => {
    const { ask, far } = await start();
    const roomId = String((await ask('POST', 'createRoom')).body.room_id);
    far.lie('invite', async (answer) => {
      await ask('PUT', `rooms/${roomId}/send/m.room.message/1`, { msgtype: 'm.text', body: 'meanwhile' });
      return answer;
    });
    expect((await ask('POST', `rooms/${roomId}/invite`, { user_id: BOB })).status).toBe(200);
    expect((await ask('GET', `rooms/${roomId}/state/m.room.member/${BOB}`)).body).toMatchObject({
      membership: 'invite',
    });
    expect(
      (await ask('PUT', `rooms/${roomId}/send/m.room.message/2`, { msgtype: 'm.text', body: 'after' })).status,
    ).toBe(200);
  });

  test.each([
    ['refuses', () => refusal(403, 'M_FORBIDDEN'), [403, 'M_FORBIDDEN']],
    ['does not sign', () => ({ status: 200, body: { event: {} } }), [502, 'M_UNKNOWN']],
    ['answers HTML', () => ({ status: 200, body: null, text: '<html>' }), [502, 'M_UNKNOWN']],
    [
      'signs something else',
      (answer: { status: number; body: never }) => {
        const { event } = structuredClone(bodyOf(answer)) as { event: JsonObject };
        const signatures = event.signatures as { [name: string]: JsonObject };
        return {
          status: 200,
          body: {
            event: {
              ...event,
              signatures: { 'far.test': { 'ed25519:fake': signatures['here.test']?.['ed25519:test'] } },
            },
          },
        };
      },
      [502, 'M_UNKNOWN'],
    ],
  ])('is refused where that server %s', async (_what, lie, expected) => {
    const { ask, far } = await start();
    const roomId = String((await ask('POST', 'createRoom')).body.room_id);
    far.lie('invite', lie as never);
    expect(failure(await ask('POST', `rooms/${roomId}/invite`, { user_id: BOB }))).toEqual(expected);
    expect(failure(await ask('GET', `rooms/${roomId}/state/m.room.member/${BOB}`))).toEqual([404, 'M_NOT_FOUND']);
  });

  test('is refused for a room that is not for others, without asking that server to sign', async () => {
    const { ask, far } = await start();
    const made = await ask('POST', 'createRoom', { creation_content: { 'm.federate': false } });
    const invited = await ask('POST', `rooms/${made.body.room_id}/invite`, { user_id: BOB });
    expect(failure(invited)).toEqual([403, 'M_FORBIDDEN']);
    expect(far.asked).not.toContain('PUT invite');
  });

  test('is refused to who is not in the room, without asking that server to sign', async () => {
    const { ask, far, server } = await start();
    const roomId = String((await ask('POST', 'createRoom')).body.room_id);
    const carol = await server.createUser('carol');
    expect(failure(await ask('POST', `rooms/${roomId}/invite`, { user_id: BOB }, carol))).toEqual([403, 'M_FORBIDDEN']);
    expect(failure(await ask('POST', 'rooms/!no:far.test/invite', { user_id: BOB }))).toEqual([403, 'M_FORBIDDEN']);
    expect(far.asked).not.toContain('PUT invite');
  });

  test('when the room is made, too', async () => {
    const { ask } = await start();
    const made = await ask('POST', 'createRoom', { invite: [BOB], is_direct: true, preset: 'trusted_private_chat' });
    const { body } = await ask('GET', `rooms/${made.body.room_id}/state/m.room.member/${BOB}`);
    expect(body).toMatchObject({ membership: 'invite', is_direct: true });
  });
});

describe('knocking', () => {
  test('on a room of another server shows what that tells of it, and is taken back', async () => {
    const { ask, far, sync, alice } = await start(new FakeResident('far.test', { joinRule: { join_rule: 'knock' } }));
    expect((await ask('POST', `knock/${far.roomId}?via=far.test`, { reason: 'Please' })).status).toBe(200);
    const { next_batch: since, rooms } = await sync();
    const shown = rooms?.knock?.[far.roomId]?.knock_state?.events ?? [];
    expect(shown.map(({ type }) => type)).toEqual(['m.room.name', 'm.room.member']);
    expect(Object.keys(shown[0] ?? {}).sort()).toEqual(['content', 'sender', 'state_key', 'type']);
    // Once is enough.
    await ask('POST', `knock/${far.roomId}?via=far.test`);
    expect(far.asked).toEqual(['GET make_knock', 'PUT send_knock']);
    expect((await ask('POST', `rooms/${far.roomId}/leave`)).status).toBe(200);
    expect(far.asked.slice(2)).toEqual(['GET make_leave', 'PUT send_leave']);
    const left = (await sync(since)).rooms?.leave?.[far.roomId]?.timeline?.events ?? [];
    expect(left.map(({ state_key: key, content }) => [key, content.membership])).toEqual([[alice.userId, 'leave']]);
    expect((await ask('POST', `rooms/${far.roomId}/forget`)).status).toBe(200);
  });

  test('is taken back here where nobody can be told', async () => {
    const { ask, far, sync } = await start(new FakeResident('far.test', { joinRule: { join_rule: 'knock' } }));
    await ask('POST', `knock/${far.roomId}`);
    far.lie('make_leave', () => refusal(500, 'M_UNKNOWN'));
    expect((await ask('POST', `rooms/${far.roomId}/leave`)).status).toBe(200);
    expect((await sync()).rooms?.knock).toBeUndefined();
    expect((await ask('POST', `rooms/${far.roomId}/leave`)).status).toBe(200);
  });

  test('says why not', async () => {
    const { ask, far } = await start();
    far.lie('make_knock', () => refusal(403, 'M_FORBIDDEN'));
    expect(failure(await ask('POST', `knock/${far.roomId}`))).toEqual([403, 'M_FORBIDDEN']);
  });
});
