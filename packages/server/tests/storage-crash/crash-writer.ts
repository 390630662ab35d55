import { CONTRACT_MIGRATIONS, insertThing, renameThing, thing } from '../../src/storage/contract/contract-database.ts';
import { openPostgresStorage } from '../../src/storage/postgres/open-postgres-storage.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';
import { ExpectationFailed, type Storage } from '../../src/storage/storage.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { silentLog } from '../support/silent-log.ts';

/**
 * A process that writes until it is killed: `crash-writer.ts sqlite PATH` or `crash-writer.ts postgres URL`. Most
 * batches have two rows, some fail after their first, some have no rows; with `typing` as third argument, none has any.
 * What was acknowledged goes to standard output at once, a line each: the name that both rows begin with (or `typing`),
 * and the position.
 */

const SENDERS = 32;

const [dialect, address = '', mode] = process.argv.slice(2);
const options = { random: seededRandom(1), log: silentLog, migrations: CONTRACT_MIGRATIONS };
const storage =
  dialect === 'sqlite'
    ? await openSqliteStorage({ ...options, path: address })
    : await openPostgresStorage({ ...options, url: address });
await Promise.all(
  Array.from({ length: SENDERS }, (_, sender) => (mode === 'typing' ? type(storage) : send(storage, sender))),
);

async function send(storage: Storage, sender: number): Promise<never> {
  for (let round = 0; ; round++) {
    if ((round + sender) % 7 === 0) await writeFailing(storage);
    if ((round + sender) % 3 === 0) await writeNoRows(storage);
    const { value } = await storage.write((transaction) => {
      const first = transaction.allocate();
      transaction.run(insertThing, thing(first, `${first} a`));
      transaction.run(insertThing, thing(transaction.allocate(), `${first} b`));
      const position = transaction.publish({ kind: 'typing', roomId: '!r' });
      return `${first} ${position}\n`;
    });
    process.stdout.write(value);
  }
}

async function type(storage: Storage): Promise<never> {
  for (;;) await writeNoRows(storage);
}

async function writeNoRows(storage: Storage): Promise<void> {
  const { value } = await storage.write((transaction) => transaction.publish({ kind: 'typing', roomId: '!r' }));
  process.stdout.write(`typing ${value}\n`);
}

async function writeFailing(storage: Storage): Promise<void> {
  const failing = storage.write((transaction) => {
    const first = transaction.allocate();
    transaction.run(insertThing, thing(first, `${first} a`));
    transaction.expect(renameThing, { thingNid: -1, name: 'nobody' }, 'cannot be');
    transaction.run(insertThing, thing(transaction.allocate(), `${first} b`));
  });
  const result = await failing.catch((error: unknown) => error);
  if (!(result instanceof ExpectationFailed)) throw new Error('A batch was to fail and did not');
}
