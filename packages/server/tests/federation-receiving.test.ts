import type { Pdu } from '@limpet/protocol/pdu';
import { signingKeyFromSeed } from '@limpet/protocol/signing';
import { afterEach, expect, test, vi } from 'vitest';
import { eventually } from './support/eventually.ts';
import { createFarRoom, type FarRoom } from './support/far-room.ts';
import { pushTransaction, signedRequest } from './support/push-transaction.ts';

let room: FarRoom;

async function start(options?: Parameters<typeof createFarRoom>[0]): Promise<FarRoom> {
  room = await createFarRoom(options);
  return room;
}

afterEach(() => room.federation.stop());

function idsOf(pdus: readonly Pdu[]): string[] {
  return pdus.map(({ eventId }) => eventId);
}

test('E3: two clients see the events of one room and transaction in one step, in their order', async () => {
  const { far, alice, zoe, client, push, roomId } = await start();
  const clients = [client(alice), client(zoe)];
  await Promise.all(clients.map((one) => one.sync()));
  const waiting = clients.map((one) => one.sync({ timeoutMs: 30_000 }));
  const said = Array.from({ length: 8 }, (_, n) => far.say(`${n}`));
  const answer = await push(said.toReversed());
  expect(answer.body).toEqual({ pdus: Object.fromEntries(idsOf(said).map((id) => [id, {}])) });
  for (const one of await Promise.all(waiting)) expect(one.timelineIds(roomId)).toEqual(idsOf(said));
});

test('a transaction that is sent again is answered as before, and so is an event in another one', async () => {
  const { far, push, messages } = await start();
  const said = far.say('once');
  const answers = [await push([said, said], 'same'), await push([said], 'same'), await push([said], 'other')];
  for (const { status, body } of answers) expect([status, body]).toEqual([200, { pdus: { [said.eventId]: {} } }]);
  expect(await messages()).toEqual([said.eventId]);
});

test.each(['1', '3', '6', '10', '11', '12'])('events of room version %s come in', async (version) => {
  const { far, push, messages } = await start({ version });
  const said = [far.say('one'), far.say('two')];
  expect((await push(said)).body).toEqual({ pdus: Object.fromEntries(idsOf(said).map((id) => [id, {}])) });
  expect(await messages()).toEqual(idsOf(said));
});

test('too much in one transaction, or in the name of another server, is refused as a whole', async () => {
  const { far, here, push } = await start();
  const said = far.say('hello');
  expect(await push(Array(51).fill(said))).toMatchObject({ status: 400, body: { errcode: 'M_INVALID_PARAM' } });
  const edus = Array(101).fill({ edu_type: 'm.typing', content: {} });
  expect(await pushTransaction(here(), far, { edus })).toMatchObject({ status: 400 });
  const path = '/_matrix/federation/v1/send/foreign';
  const foreign = { origin: 'other.test', pdus: [said.json] };
  expect(await signedRequest(here(), far, { method: 'PUT', path, body: foreign })).toMatchObject({
    status: 403,
    body: { errcode: 'M_FORBIDDEN' },
  });
  for (const body of [{}, { origin: 'far.test' }, { origin: 'far.test', pdus: {} }]) {
    expect((await signedRequest(here(), far, { method: 'PUT', path, body })).status).toBe(400);
  }
  expect((await push([said])).status).toBe(200);
});

test('H3: bad events are refused by name, and the room goes on', async () => {
  const { far, alice, push, messages } = await start();
  const elsewhere = far.build({ sender: far.creator, type: 'm.room.message', content: { body: 'elsewhere' } });
  const good = far.say('good');
  const forgedText = { ...good.json, sender: alice.userId };
  const pdus = [
    forgedText,
    { ...elsewhere.json, room_id: '!elsewhere:far.test' },
    { ...elsewhere.json, prev_events: Array(21).fill(good.eventId) },
    { ...elsewhere.json, prev_events: [] },
    { ...elsewhere.json, auth_events: Array(11).fill(good.eventId) },
    { ...elsewhere.json, depth: 2 ** 63 },
    { ...elsewhere.json, depth: -1 },
    { ...elsewhere.json, origin_server_ts: 'now' },
    { ...elsewhere.json, signatures: {} },
    { ...elsewhere.json, content: 'none' },
    { ...elsewhere.json, type: 'x'.repeat(256) },
    { ...elsewhere.json, content: { body: 'x'.repeat(70_000) } },
    {},
    good.json,
  ];
  const { status, body } = await push(pdus);
  expect(status).toBe(200);
  const results = body.pdus as Record<string, { error?: string }>;
  expect(results[good.eventId]).toEqual({});
  const errors = Object.values(results).flatMap(({ error }) => error ?? []);
  expect(errors.length).toBeGreaterThanOrEqual(8);
  expect(errors.join('\n')).toMatch(/No user of this server is in the room/);
  expect(await messages()).toEqual([good.eventId]);
  const more = far.say('more');
  expect((await push([more])).body).toEqual({ pdus: { [more.eventId]: {} } });
  expect(await messages()).toEqual([good.eventId, more.eventId]);
});

test.each([
  ['1970', '11', 0],
  ['3000', '4', 32_503_680_000_000],
])('an event that says it was made in %s is taken, in room version %s', async (_year, version, originServerTs) => {
  const { far, push, messages } = await start({ version });
  far.now(originServerTs);
  const said = far.say('hello');
  expect(said.originServerTs).toBe(originServerTs);
  expect((await push([said])).body).toEqual({ pdus: { [said.eventId]: {} } });
  expect(await messages()).toEqual([said.eventId]);
});

test('where keys expire, an event of the year 3000 is signed by none that holds then', async () => {
  const { far, push, messages } = await start();
  const early = far.build({ sender: far.creator, type: 'm.room.message', content: { body: 'hello' } });
  far.now(32_503_680_000_000);
  const late = far.build({ sender: far.creator, type: 'm.room.message', content: { body: 'hello' } });
  const { body } = await push([late, early]);
  expect(body).toEqual({
    pdus: { [early.eventId]: {}, [late.eventId]: { error: expect.stringContaining('No key of far.test') } },
  });
  expect(await messages()).toEqual([early.eventId]);
});

test('an event at depth 2^63, as old room versions allow it, is taken', async () => {
  const { far, push, messages } = await start({ version: '5' });
  const deep = far.add({ sender: far.creator, type: 'm.room.message', content: { body: 'deep' }, depth: 2 ** 63 });
  await push([deep]);
  const next = far.say('after it');
  await push([next]);
  expect(await messages()).toEqual([deep.eventId, next.eventId]);
});

test('an event whose content is not the one that was signed is redacted', async () => {
  const { far, push, ask, roomId } = await start();
  const said = far.say('signed');
  await push([{ ...said.json, content: { msgtype: 'm.text', body: 'put in its place' } }]);
  const path = `rooms/${encodeURIComponent(roomId)}/event/${encodeURIComponent(said.eventId)}`;
  expect((await ask('GET', path)).body.content).toEqual({});
});

test('a server that the access control list of the room denies is refused by name', async () => {
  const { far, push, messages } = await start();
  const acl = far.setState('m.room.server_acl', '', { allow: ['*'], deny: ['far.*'] });
  await push([acl]);
  const said = far.say('not heard');
  const { body } = await push([said]);
  expect(body).toEqual({ pdus: { [said.eventId]: { error: expect.stringContaining('access control list') } } });
  expect(await messages()).toEqual([]);
});

test('what the rules of the room refuse is told to who sent it', async () => {
  const { far, push, messages } = await start();
  const stranger = far.add({ sender: '@stranger:far.test', type: 'm.room.message', content: { body: 'hello' } });
  expect((await push([stranger])).body).toEqual({
    pdus: { [stranger.eventId]: { error: expect.any(String) } },
  });
  const said = far.say('on top of it');
  expect((await push([said])).body).toEqual({ pdus: { [said.eventId]: {} } });
  expect(await messages()).toEqual([said.eventId]);
});

test('E2: what comes while the room is being joined is there after the join, without another event', async () => {
  const { far, alice, ask, push, messages, roomId, client } = await start({ isJoined: false });
  const early: Pdu[] = [];
  far.lie('send_join', async (answer) => {
    early.push(far.say('early'), far.say('early, too'));
    expect((await push(early)).body).toEqual({ pdus: Object.fromEntries(idsOf(early).map((id) => [id, {}])) });
    return answer;
  });
  const joined = await ask('POST', `join/${encodeURIComponent(roomId)}?server_name=far.test`);
  expect(joined.status).toBe(200);
  await eventually(async () => expect(await messages()).toEqual(idsOf(early)));
  expect((await client(alice).sync()).timelineIds(roomId)).toEqual(expect.arrayContaining(idsOf(early)));
});

test('this server is no policy server, and says so', async () => {
  const { far, here } = await start();
  const path = '/_matrix/policy/v1/sign';
  const answer = await signedRequest(here(), far, { method: 'POST', path, body: far.say('spam?').json });
  expect(answer).toMatchObject({ status: 404, body: { errcode: 'M_UNRECOGNIZED' } });
});

test('an invite that is taken back is gone, when a server says so that was named in it', async () => {
  const { far, alice, ask, push, client, here, roomId } = await start({ isJoined: false });
  const invite = far.invite(alice.userId);
  const path = `/_matrix/federation/v2/invite/${encodeURIComponent(roomId)}/${encodeURIComponent(invite.eventId)}`;
  const state = [...far.state.values()].map(({ json }) => json);
  const body = { room_version: far.version.id, event: invite.json, invite_room_state: state };
  expect((await signedRequest(here(), far, { method: 'PUT', path, body })).status).toBe(200);
  const syncing = client(alice);
  expect((await syncing.sync()).roomIds('invite')).toEqual([roomId]);
  const evil = { serverName: 'evil.test', key: signingKeyFromSeed('ed25519:evil', new Uint8Array(32).fill(3)) };
  far.addKey(evil.serverName, evil.key);
  const kick = { type: 'm.room.member', stateKey: alice.userId, content: { membership: 'leave' } };
  const forged = far.build({ ...kick, sender: '@mallory:evil.test' });
  const message = far.say('not for us');
  const refused = (await push([forged, message])).body.pdus as Record<string, { error?: string }>;
  expect(Object.values(refused).map(({ error }) => error)).toEqual(Array(2).fill(expect.stringContaining('No user')));
  const kicked = far.add({ ...kick, sender: far.creator });
  expect((await push([kicked])).body).toEqual({ pdus: { [kicked.eventId]: {} } });
  expect((await syncing.sync()).roomIds('leave')).toEqual([roomId]);
  expect((await ask('GET', 'sync?timeout=0')).body.rooms ?? {}).not.toHaveProperty('invite');
});

test('E6: over its limit, a server is told when to come again, and nothing of its transaction is kept', async () => {
  const { far, push, messages } = await start();
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { receiver } = room.here().server.services.rooms;
  const receive = receiver.receive.bind(receiver);
  vi.spyOn(receiver, 'receive').mockImplementation(async (...given) => {
    await gate;
    return receive(...given);
  });
  const message = { sender: far.creator, type: 'm.room.message' };
  const said = Array.from({ length: 5 }, (_, n) => far.build({ ...message, content: { body: `${n}` } }));
  const last = said.pop();
  const pushes = said.map((pdu) => push([pdu]));
  await eventually(() => expect(receiver.receive).toHaveBeenCalledTimes(4));
  const answer = await push([last as Pdu]);
  expect([answer.status, answer.body.errcode, answer.headers['retry-after']]).toEqual([429, 'M_LIMIT_EXCEEDED', '10']);
  release();
  for (const { status } of await Promise.all(pushes)) expect(status).toBe(200);
  expect((await messages()).toSorted()).toEqual(idsOf(said).toSorted());
  expect((await push([last as Pdu])).status).toBe(200);
  expect((await messages()).at(-1)).toBe(last?.eventId);
});
