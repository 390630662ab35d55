import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Session } from '../../src/services/accounts/sessions.ts';
import { createTestServer, type TestServer } from '../support/test-server.ts';
import { type CallSite, startCallSite } from './call-site.ts';
import { openParticipant, type Participant } from './participant.ts';

/** Where Debian puts it. */
const CHROMIUM = '/usr/bin/chromium';
const IS_INSTALLED = existsSync(CHROMIUM);
const REASON = IS_INSTALLED ? '' : ` (skipped, as ${CHROMIUM} is not there: apt-get install chromium)`;
/** There is nothing to see and to hear in the call, but it wants a camera, a microphone, and leave to use them. */
const FAKE_MEDIA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--mute-audio'];

/** For a test: a browser or two start, and with them a client and Element Call, while other tests run. */
const TEST_TIMEOUT_MS = 90_000;

const ROOMS = [
  { name: 'Plain room', initialState: [] },
  {
    name: 'Encrypted room',
    initialState: [{ type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } }],
  },
];

/** One story a room, told in the order of the tests: each begins where the one before it ended. */
describe.skipIf(!IS_INSTALLED)(`Element Call in two browsers${REASON}`, { timeout: TEST_TIMEOUT_MS }, () => {
  let server: TestServer;
  let site: CallSite;
  let browser: Browser;
  let homeserverUrl = '';
  let users: { alice: Session; bob: Session };

  beforeAll(async () => {
    site = await startCallSite({ homeserverUrl: () => homeserverUrl });
    server = await createTestServer({ config: { listeners: [{ port: 0, serves: ['client', 'federation'] }] } });
    [homeserverUrl = ''] = await server.server.start();
    users = { alice: await createUser(server, 'alice', 'Alice'), bob: await createUser(server, 'bob', 'Bob') };
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FAKE_MEDIA });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await site?.close();
  });

  function open(user: string): Promise<Participant> {
    return openParticipant(browser, { siteUrl: site.url, homeserverUrl, user, password: `password of ${user}` });
  }

  describe.for(ROOMS)('$name', ({ name, initialState }) => {
    let alice: Participant;
    let bob: Participant;

    afterAll(async () => {
      await Promise.all([alice?.close(), bob?.close()]);
    });

    test('C1, C12: Alice joins the call, Bob after her, and each sees the tiles of both', async () => {
      await createRoom(server, users, { name, initial_state: initialState });
      [alice, bob] = await Promise.all([open('alice'), open('bob')]);
      await alice.joinCall(name);
      await alice.seesTilesOf(['Alice']);
      await bob.joinCall(name);
      await Promise.all([alice.seesTilesOf(['Alice', 'Bob']), bob.seesTilesOf(['Alice', 'Bob'])]);
    });

    if (initialState.length > 0) {
      test('each has the media key of the other, which came encrypted', async () => {
        await alice.receivesToDevice(`Encrypted io.element.call.encryption_keys from ${users.bob.userId}`);
        await bob.receivesToDevice(`Encrypted io.element.call.encryption_keys from ${users.alice.userId}`);
      });
    }

    test('F7: Bob hangs up, and his tile is gone; he comes again, and it is back', async () => {
      await bob.hangUp();
      await alice.seesTilesOf(['Alice']);
      await bob.joinCall(name);
      await Promise.all([alice.seesTilesOf(['Alice', 'Bob']), bob.seesTilesOf(['Alice', 'Bob'])]);
    });
  });
});

async function createUser(server: TestServer, name: string, displayName: string): Promise<Session> {
  const session = await server.createUser(name);
  await server.ok('PUT', `/_matrix/client/v3/profile/${session.userId}/displayname`, {
    token: session.accessToken,
    body: { displayname: displayName },
  });
  return session;
}

async function createRoom(
  server: TestServer,
  { alice, bob }: { alice: Session; bob: Session },
  room: { name: string; initial_state: { type: string; state_key: string; content: { algorithm: string } }[] },
): Promise<void> {
  const body = { ...room, preset: 'private_chat', invite: [bob.userId] };
  const { room_id } = await server.ok('POST', '/_matrix/client/v3/createRoom', { token: alice.accessToken, body });
  await server.ok('POST', `/_matrix/client/v3/rooms/${room_id}/join`, { token: bob.accessToken, body: {} });
}
