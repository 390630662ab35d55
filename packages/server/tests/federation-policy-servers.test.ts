import { contentHash } from '@limpet/protocol/content-hash';
import { eventIdOf } from '@limpet/protocol/event-id';
import type { JsonObject } from '@limpet/protocol/json';
import type { Pdu } from '@limpet/protocol/pdu';
import { type SigningKey, signEvent, signingKeyFromSeed } from '@limpet/protocol/signing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { countStagedEvents } from '../src/storage/queries/staged-events.ts';
import { eventually } from './support/eventually.ts';
import { createFarRoom, type FarRoom } from './support/far-room.ts';
import { signedRequest } from './support/push-transaction.ts';

const POLICY_KEY: SigningKey = signingKeyFromSeed('ed25519:policy_server', new Uint8Array(32).fill(5));

let room: FarRoom;
/** What the policy server says to each request, and what it was asked. */
let verdict: 'signs' | 'signs badly' | 'says no' | 'is away';
let asked: JsonObject[];

beforeEach(async () => {
  verdict = 'signs';
  asked = [];
  room = await createFarRoom({
    onOtherRequest: ({ path, body }) => {
      if (!path.startsWith('/_matrix/policy/v1/sign')) return undefined;
      const event = JSON.parse(body) as JsonObject;
      asked.push(event);
      if (verdict === 'is away') return { status: 502, body: {} };
      if (verdict === 'says no') return { status: 400, body: { errcode: 'M_FORBIDDEN', error: 'Spam' } };
      const key = verdict === 'signs' ? POLICY_KEY : signingKeyFromSeed(POLICY_KEY.keyId, new Uint8Array(32));
      return { status: 200, body: { 'far.test': signatureOf(event, key) } };
    },
  });
  await room.push([
    room.far.setState('m.room.policy', '', {
      via: 'far.test',
      public_keys: { ed25519: POLICY_KEY.publicKeyBase64 },
    }),
  ]);
});

afterEach(() => room.federation.stop());

function signatureOf(event: JsonObject, key = POLICY_KEY): JsonObject {
  const { signatures } = signEvent({ ...event, signatures: {} }, room.far.version, 'far.test', key);
  return (signatures as JsonObject)['far.test'] as JsonObject;
}

function approved(pdu: Pdu): JsonObject {
  const signatures = pdu.json.signatures as { 'far.test': JsonObject };
  return { ...pdu.json, signatures: { 'far.test': { ...signatures['far.test'], ...signatureOf(pdu.json) } } };
}

function send(body: string) {
  const path = `rooms/${encodeURIComponent(room.roomId)}/send/m.room.message/t${body.replaceAll(' ', '')}`;
  return room.ask('PUT', path, { msgtype: 'm.text', body });
}

async function staged(): Promise<number> {
  return (await room.here().storage.read(countStagedEvents, {})).reduce((sum, row) => sum + row.count, 0);
}

test('H1: an event that the policy server signed is taken, and nobody is asked', async () => {
  const said = room.far.say('signed');
  await room.push([approved(said)]);
  expect(await room.messages()).toEqual([said.eventId]);
  expect(asked).toEqual([]);
});

test('H1: one without the signature is shown to the policy server, and kept with the signature', async () => {
  const said = room.far.say('not signed yet');
  expect((await room.push([said])).body).toEqual({ pdus: { [said.eventId]: {} } });
  await eventually(async () => expect(await room.messages()).toEqual([said.eventId]));
  expect(asked).toEqual([said.json]);
  const kept = await room.here().server.services.events.byIds([said.eventId]);
  expect(kept.get(said.eventId)?.pdu.json).toEqual(approved(said));
});

test.each(['says no', 'signs badly'] as const)(
  'H1, A5: where it %s, the event is not shown, nor sticky',
  async (no) => {
    verdict = no;
    const extraFields = { msc4354_sticky: { duration_ms: 3_600_000 } };
    const spam = room.far.add({
      sender: room.far.creator,
      type: 'm.room.message',
      content: { body: 'spam' },
      extraFields,
    });
    expect((await room.push([spam])).status).toBe(200);
    await eventually(() => expect(asked).toHaveLength(1));
    await eventually(async () => expect(await staged()).toBe(0));
    // What decides about it changes, and it stays refused.
    const named = room.far.setState('m.room.power_levels', '', {
      users: { [room.far.creator]: 100 },
      invite: 0,
      ban: 60,
    });
    await room.push([approved(named)]);
    const said = room.far.say('welcome');
    await room.push([approved(said)]);
    await eventually(async () => expect(await room.messages()).toEqual([said.eventId]));
    expect((await room.client(room.alice).sync()).stickyIds(room.roomId)).toEqual([]);
  },
);

test('H1: a wrong signature of the policy server is a no, and nobody is asked', async () => {
  const said = room.far.say('forged');
  const signatures = { 'far.test': { ...(approved(said).signatures as JsonObject) } };
  const wrong = {
    ...(said.json.signatures as { 'far.test': JsonObject })['far.test'],
    'ed25519:policy_server': 'A'.repeat(86),
  };
  await room.push([{ ...said.json, signatures: { ...signatures, 'far.test': wrong } }]);
  await eventually(async () => expect(await staged()).toBe(0));
  expect(await room.messages()).toEqual([]);
  expect(asked).toEqual([]);
});

test('H1: while the policy server is away, events wait for it', async () => {
  verdict = 'is away';
  const said = room.far.say('patient');
  await room.push([said]);
  await eventually(() => expect(asked.length).toBeGreaterThan(0));
  expect(await room.messages()).toEqual([]);
  verdict = 'signs';
  await eventually(async () => {
    room.world.advance(30_000);
    expect(await room.messages()).toEqual([said.eventId]);
  });
});

test('H1: what users of this server send is signed by the policy server first, or not sent', async () => {
  const sent = await send('welcome');
  expect(sent.status).toBe(200);
  const eventId = String(sent.body.event_id);
  const kept = await room.here().server.services.events.byIds([eventId]);
  const json = kept.get(eventId)?.pdu.json ?? {};
  expect(json.signatures).toMatchObject({ 'far.test': signatureOf(json) });
  verdict = 'says no';
  expect(await send('spam')).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  verdict = 'is away';
  expect((await send('no answer')).status).toBe(503);
  verdict = 'signs';
  room.world.advance(15_000);
  expect((await send('welcome again')).status).toBe(200);
});

test('H1: so is an invite to a user of another server, before that server sees it', async () => {
  const invite = (user: string) =>
    room.ask('POST', `rooms/${encodeURIComponent(room.roomId)}/invite`, { user_id: `@${user}:far.test` });
  expect((await invite('bob')).status).toBe(200);
  const [put] = room.federation.requests('here.test', 'far.test').filter(({ path }) => path.includes('/v2/invite/'));
  const { event } = JSON.parse(put?.body ?? '{}') as { event: JsonObject };
  expect(event.signatures).toMatchObject({ 'far.test': signatureOf(event) });
  room.federation.clearRequests();
  verdict = 'says no';
  expect(await invite('carol')).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  expect(room.federation.requests('here.test', 'far.test').map(({ method }) => method)).not.toContain('PUT');
});

test('a room can be rid of its policy server without asking it', async () => {
  verdict = 'says no';
  const rid = room.far.setState('m.room.policy', '', {});
  await room.push([rid]);
  const said = room.far.say('free');
  await room.push([said]);
  expect(await room.messages()).toEqual([said.eventId]);
  expect(asked).toEqual([]);
});

test('H1: who joins over this server is shown to the policy server, too', async () => {
  const user = '@newcomer:far.test';
  const path = `/_matrix/federation/v1/make_join/${encodeURIComponent(room.roomId)}/${encodeURIComponent(user)}`;
  const made = await signedRequest(room.here(), room.far, { method: 'GET', path: `${path}?ver=11` });
  const { version, key, serverName } = room.far;
  const template = { ...(made.body.event as JsonObject), origin_server_ts: 1, hashes: {}, signatures: {} };
  const hashed = { ...template, hashes: { sha256: contentHash(template) } };
  const event = signEvent(hashed, version, serverName, key);
  const eventId = encodeURIComponent(eventIdOf(event, version));
  const sendPath = `/_matrix/federation/v2/send_join/${encodeURIComponent(room.roomId)}/${eventId}`;
  verdict = 'says no';
  const refused = await signedRequest(room.here(), room.far, { method: 'PUT', path: sendPath, body: event });
  expect(refused).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  expect(asked).toEqual([event]);
});
