import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { HttpConnection } from '../http/http-connection.ts';
import { startFloor } from '../targets/start-floor.ts';

test('the floor program answers each row with its hash, and has it on disk by then', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'floor-test-'));
  await using resources = new AsyncDisposableStack();
  resources.defer(() => rmSync(directory, { recursive: true }));
  const floor = await startFloor(directory, resources);
  const connections = Array.from({ length: 30 }, () => new HttpConnection(floor.url));
  const answers = await Promise.all(
    connections.map((connection) => connection.request({ method: 'POST', path: '/send', body: '{"body":"same"}' })),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const ids = answers.map(({ body }) => JSON.parse(body.toString()).event_id as string);
  expect(new Set(ids).size).toBe(30);

  const rows = readRows(directory);
  expect(rows.map(({ id }) => id).sort()).toEqual(ids.sort());
  for (const { id, text } of rows) {
    const { signatures, ...event } = JSON.parse(text);
    expect(Buffer.from(signatures.floor['ed25519:1'], 'base64')).toHaveLength(64);
    expect(event.content).toEqual({ body: 'same' });
    expect(id).toBe(`$${createHash('sha256').update(JSON.stringify(event)).digest('base64url')}`);
  }

  const [connection] = connections;
  const refused = await connection?.request({ method: 'POST', path: '/send', body: '{"body"' });
  const empty = await connection?.request({ method: 'POST', path: '/empty', body: '{}' });
  expect([refused?.status, empty?.status]).toEqual([400, 200]);
  expect(readRows(directory)).toHaveLength(30);
  for (const open of connections) open.close();
});

function readRows(directory: string) {
  const database = new DatabaseSync(join(directory, 'floor.db'), { readOnly: true });
  try {
    return database.prepare('SELECT id, text FROM rows').all() as { id: string; text: string }[];
  } finally {
    database.close();
  }
}
