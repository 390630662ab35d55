import { afterEach, expect, test } from 'vitest';
import { eventually } from './support/eventually.ts';
import { createManualWorld } from './support/manual-world.ts';
import { SyncingClient } from './support/syncing-client.ts';
import { createTestFederation, type TestFederation } from './support/test-federation.ts';

let federation: TestFederation | undefined;

afterEach(() => federation?.stop());

const CLIENT = '/_matrix/client/v3';

test('D2, E1, E3: after a partition all sticky events are there once, without new traffic', async () => {
  const world = createManualWorld();
  federation = await createTestFederation(['a.test', 'b.test'], { world });
  const [a, b] = [federation.server('a.test'), federation.server('b.test')];
  const { accessToken: token } = await a.createUser('alice');
  const bob = await b.createUser('bob');
  const body = { preset: 'public_chat' };
  const roomId = String((await a.ok('POST', `${CLIENT}/createRoom`, { token, body })).room_id);
  const room = `rooms/${encodeURIComponent(roomId)}`;
  const join = `${CLIENT}/join/${encodeURIComponent(roomId)}?server_name=a.test`;
  await b.ok('POST', join, { token: bob.accessToken, body: {} });
  const client = new SyncingClient(b, bob);
  await client.sync();

  const said: string[] = [];
  const sticky: string[] = [];
  federation.cut('a.test', 'b.test');
  for (let n = 0; n < 240; n++) {
    const isSticky = n % 3 === 0;
    const query = isSticky ? '?org.matrix.msc4354.sticky_duration_ms=3600000' : '';
    const path = `${CLIENT}/${room}/send/m.room.message/t${n}${query}`;
    const { event_id: eventId } = await a.ok('PUT', path, { token, body: { msgtype: 'm.text', body: `${n}` } });
    (isSticky ? sticky : said).push(String(eventId));
  }
  federation.heal('a.test', 'b.test');

  const seen: string[] = [];
  await eventually(async () => {
    world.advance(1_000);
    seen.push(...(await client.sync()).allIds(roomId));
    expect(seen).toEqual(expect.arrayContaining(sticky));
  });
  expect(seen).toHaveLength(new Set(seen).size);
  const { chunk } = await b.ok('GET', `${CLIENT}/${room}/messages?dir=b&limit=1000`, { token: bob.accessToken });
  const all = (chunk as { event_id: string }[]).map((event) => event.event_id);
  expect(all).toEqual(expect.arrayContaining([...said, ...sticky]));
});
