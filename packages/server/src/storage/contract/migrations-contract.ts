import { describe, expect, test } from 'vitest';
import { DatabaseUnusable } from '../database-unusable.ts';
import { MIGRATIONS } from '../migrations/migrations.ts';
import { defineStatement } from '../statement.ts';
import { CONTRACT_MIGRATIONS, type ContractDatabase, insertThing, thing, thingNames } from './contract-database.ts';
import { createOpener } from './opened-storages.ts';

const selectSteps = defineStatement<Record<string, never>, { number: number; name: string }>(
  'select number, name from schema_migrations order by number',
);

export function describeMigrations(create: () => Promise<ContractDatabase>): void {
  describe('opening', () => {
    const open = createOpener(create);

    test('every step is taken once, in order, and data stay', async () => {
      const { storage, reopen } = await open();
      const steps = CONTRACT_MIGRATIONS.map(({ number, name }) => ({ number, name }));
      expect(await storage.read(selectSteps, {})).toEqual(steps);
      await storage.write((transaction) => transaction.run(insertThing, thing(1)));
      await storage.close();
      const reopened = await reopen();
      expect(await reopened.read(selectSteps, {})).toEqual(steps);
      expect(await thingNames(reopened)).toEqual(['thing 1']);
    });

    test('a database of a newer version is refused, and says so', async () => {
      const { storage, database, reopen } = await open();
      await storage.close();
      const refused = database.open(MIGRATIONS);
      await expect(refused).rejects.toThrow(DatabaseUnusable);
      await expect(refused).rejects.toThrow('its schema is at step 1000, this version knows');
      await reopen();
    });

    test('a step that fails leaves nothing of itself, and says which it was', async () => {
      const { storage, database, reopen } = await open();
      await storage.close();
      const broken = {
        number: 1_001,
        name: 'broken',
        statements: ['create table half (half_nid {nid} primary key){end}', 'create nonsense'],
      };
      await expect(database.open([...CONTRACT_MIGRATIONS, broken])).rejects.toThrow('Step 1001 (broken)');
      const mended = { ...broken, statements: broken.statements.slice(0, 1) };
      await (await database.open([...CONTRACT_MIGRATIONS, mended])).close();
      await expect(reopen()).rejects.toThrow('step 1001');
    });

    test('a database that is in use is refused until it is closed', async () => {
      const { storage, reopen } = await open();
      await expect(reopen()).rejects.toThrow('in use by another Limpet process');
      await storage.close();
      await reopen();
    });
  });
}
