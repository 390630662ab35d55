import { createClient, type MatrixClient, Preset } from 'matrix-js-sdk';
import { SlidingSync } from 'matrix-js-sdk/lib/sliding-sync.js';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { recordedFetch } from './recorded-fetch.ts';
import { type RestartableServer, startRestartableServer } from './restartable-server.ts';
import { eventually } from './sdk-client.ts';

const STICKY_MS = 1_800_000;
const LIST = 'rooms';
const WINDOW = { timeline_limit: 1, required_state: [['m.room.create', '']] };
/** Long enough that only news ends a request. */
const POLL_MS = 20_000;

let server: RestartableServer;
let alice: MatrixClient;
let bob: MatrixClient;
let sliding: SlidingSync;
let sent = 0;

beforeAll(async () => {
  for (const level of ['trace', 'debug', 'log', 'info', 'warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation(() => undefined);
  }
  server = await startRestartableServer();
  [alice, bob] = [await register('alice'), await register('bob')];
});

afterAll(async () => {
  sliding?.stop();
  bob?.stopClient();
  await server?.remove();
  vi.restoreAllMocks();
});

/** An account of the SDK, without encryption. */
async function register(username: string): Promise<MatrixClient> {
  const { fetch: fetchFn } = recordedFetch();
  const guest = createClient({ baseUrl: server.url, fetchFn });
  const request = { username, password: `password of ${username}`, auth: { type: 'm.login.dummy' } };
  const {
    user_id: userId,
    access_token: accessToken = '',
    device_id: deviceId = '',
  } = await guest.registerRequest(request);
  return createClient({ baseUrl: server.url, userId, accessToken, deviceId, fetchFn });
}

async function enterRoom(): Promise<string> {
  const { room_id: roomId } = await alice.createRoom({ preset: Preset.PublicChat });
  await bob.joinRoom(roomId);
  return roomId;
}

/** A sticky event, and so much after it that it is in no timeline. */
async function stick(roomId: string): Promise<string> {
  sent += 1;
  const url = `${server.url}/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send`;
  const put = async (path: string, body: object): Promise<string> => {
    const headers = { authorization: `Bearer ${alice.getAccessToken()}` };
    const response = await fetch(`${url}/${path}`, { method: 'PUT', headers, body: JSON.stringify(body) });
    return ((await response.json()) as { event_id: string }).event_id;
  };
  const query = `org.matrix.msc4354.sticky_duration_ms=${STICKY_MS}`;
  const eventId = await put(`org.example.place/s${sent}?${query}`, { msc4354_sticky_key: `${sent}` });
  for (let index = 0; index < 3; index += 1)
    await put(`m.room.message/m${sent}-${index}`, { msgtype: 'm.text', body: 'x' });
  return eventId;
}

/** What the SDK holds as sticky in a room; `undefined` for a room that it does not know. */
function stickyIn(roomId: string): (string | undefined)[] | undefined {
  const room = bob.getRoom(roomId);
  return room ? [...room._unstable_getStickyEvents()].map((event) => event.getId()).sort() : undefined;
}

test('C10: SlidingSyncSdk of matrix-js-sdk ends up with what is sticky, whatever it dropped before', async () => {
  const below = await enterRoom();
  const above = await enterRoom();
  const first = await stick(below);
  const shown = await stick(above);
  sliding = new SlidingSync(server.url, new Map([[LIST, { ranges: [[0, 0]], ...WINDOW }]]), WINDOW, bob, POLL_MS);
  await bob.startClient({ slidingSync: sliding });
  await eventually(() => expect(stickyIn(above)).toEqual([shown]));
  // It got that of the room below, too, and dropped it: it does not know the room.
  expect(stickyIn(below)).toBeUndefined();
  sliding.setListRanges(LIST, [[0, 1]]);
  await eventually(() => expect(stickyIn(below)).toEqual([first]));

  const second = await stick(below);
  await eventually(() => expect(stickyIn(below)).toEqual([first, second].sort()));
  await server.restart();
  const third = await stick(above);
  await eventually(() => expect(stickyIn(above)).toEqual([shown, third].sort()));
  expect(stickyIn(below)).toEqual([first, second].sort());
});
