import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { createManualWorld } from '../support/manual-world.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { silentLog } from '../support/silent-log.ts';
import { type SyncAnswer, SyncingClient } from '../support/syncing-client.ts';
import { createTestServer, type TestServer } from '../support/test-server.ts';
import type { ReleaseStory } from './release-story.ts';

const FOLDER = new URL('./', import.meta.url);
const releases = readdirSync(FOLDER).flatMap((name) => /^(.+)\.db\.gz$/.exec(name)?.[1] ?? []);

let directory: string;
let storage: Storage;

/** The server of today on the database of that release, a minute after it was closed. */
async function open(release: string): Promise<{ server: TestServer; story: ReleaseStory }> {
  directory = mkdtempSync(join(tmpdir(), 'limpet-released-'));
  const path = join(directory, 'limpet.db');
  writeFileSync(path, gunzipSync(readFileSync(new URL(`${release}.db.gz`, FOLDER))));
  const story: ReleaseStory = JSON.parse(readFileSync(new URL(`${release}.json`, FOLDER), 'utf8'));
  storage = await openSqliteStorage({ path, random: seededRandom(8), log: silentLog, synchronous: 'off' });
  const server = await createTestServer({ world: createManualWorld(story.closedAtMs), storage, seed: 8 });
  return { server, story };
}

test('there is a database of at least one release', () => {
  expect(releases).toContain('0.1.0');
});

describe.each(releases)('the database of release %s', (release) => {
  afterEach(async () => {
    await storage.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test('goes on where a client stood: what sticks comes once, and the messages are there (A2, C2, C5)', async () => {
    const { server, story } = await open(release);
    const client = new SyncingClient(server, story.bob);
    client.since = story.bobSince;
    const answers: SyncAnswer[] = [await client.sync(), await client.sync()];
    for (const room of story.rooms) {
      const given = answers.flatMap((answer) => answer.allIds(room.roomId));
      expect(given.filter((id) => room.stickyIds.includes(id))).toEqual(room.stickyIds);
      expect(answers[0]?.timelineIds(room.roomId)).toEqual(room.messageIds.slice(-10));
    }
    await server.server.stop();
  });

  test('takes new events in rooms of every version, and gives the old ones with their state', async () => {
    const { server, story } = await open(release);
    const token = story.alice.accessToken;
    for (const { version, roomId, redactedId, messageIds } of story.rooms) {
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}`;
      const sent = await server.ok('PUT', `${path}/send/m.room.message/new`, { token, body: { body: 'still here' } });
      const page = await server.ok('GET', `${path}/messages?dir=b&limit=13`, { token });
      const ids = (page.chunk as { event_id: string }[]).map((event) => event.event_id);
      expect(ids).toEqual([sent.event_id, ...messageIds.toReversed()]);
      const again = await server.ok('PUT', `${path}/send/m.room.message/message-0`, { token, body: {} });
      expect(again.event_id).toBe(messageIds[0]);
      const redacted = await server.ok('GET', `${path}/event/${encodeURIComponent(redactedId)}`, { token });
      expect(redacted.content).toEqual({});
      const name = await server.ok('GET', `${path}/state/m.room.name`, { token: story.bob.accessToken });
      expect(name).toEqual({ name: `Version ${version}` });
    }
    await server.server.stop();
  });
});
