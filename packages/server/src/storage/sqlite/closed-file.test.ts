import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { defineStatement } from '../statement.ts';
import { openSqliteStorage } from './open-sqlite-storage.ts';

const insertTypingRoom = defineStatement<{ roomNid: number }>('insert into typing_rooms (room_nid) values (:roomNid)');
const selectTypingRooms = defineStatement<Record<string, never>, { room_nid: number }>(
  'select room_nid from typing_rooms',
);

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'limpet-closed-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test.each(['in-thread', 'in-place'] as const)(
  'the one file of a stopped server has everything (%s)',
  async (writes) => {
    const open = (name: string) =>
      openSqliteStorage({ path: join(directory, name), random: seededRandom(1), log: silentLog, writes });
    const storage = await open('limpet.db');
    await storage.write((transaction) => transaction.run(insertTypingRoom, { roomNid: 7 }));
    await storage.close();
    copyFileSync(join(directory, 'limpet.db'), join(directory, 'copy.db'));
    const copy = await open('copy.db');
    expect(await copy.read(selectTypingRooms, {})).toEqual([{ room_nid: 7 }]);
    await copy.close();
  },
);
