import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';
import { createManualWorld } from '../support/manual-world.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { silentLog } from '../support/silent-log.ts';
import { createTestServer } from '../support/test-server.ts';
import { playReleaseStory } from './release-story.ts';

/**
 * Makes the database of a release, which every later one has to open:
 *
 *     npx node packages/server/tests/released-databases/make-database.ts 0.1.0
 *
 * Run it once for each release, on the very code that is released, and never again for that one.
 */
const [release] = process.argv.slice(2);
if (release === undefined || !/^\d+\.\d+\.\d+$/.test(release)) throw new Error('Say which release: 0.1.0');
const MADE_AT_MS = 1_790_000_000_000;
const SECONDS_SPENT = 60;
const directory = mkdtempSync(join(tmpdir(), 'limpet-release-'));
try {
  const path = join(directory, 'limpet.db');
  const storage = await openSqliteStorage({ path, random: seededRandom(7), log: silentLog });
  const world = createManualWorld(MADE_AT_MS);
  const server = await createTestServer({ world, storage, seed: 7 });
  const story = await playReleaseStory(server, MADE_AT_MS + SECONDS_SPENT * 1_000);
  await server.server.stop();
  await storage.close();
  const files = new URL('./', import.meta.url);
  writeFileSync(new URL(`${release}.db.gz`, files), gzipSync(readFileSync(path), { level: 9 }));
  writeFileSync(new URL(`${release}.json`, files), `${JSON.stringify(story, undefined, 2)}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
