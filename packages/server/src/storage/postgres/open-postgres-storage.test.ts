import { describe } from 'vitest';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { createPostgresDatabase } from '../../../tests/support/test-postgres.ts';
import { describeStorageContract } from '../contract/storage-contract.ts';
import { openPostgresStorage } from './open-postgres-storage.ts';

describe('PostgreSQL', () => {
  describeStorageContract(async () => {
    const url = await createPostgresDatabase();
    return {
      open: (migrations) =>
        openPostgresStorage({
          url,
          synchronous: 'off',
          random: seededRandom(1),
          log: silentLog,
          ...(migrations === undefined ? {} : { migrations }),
        }),
    };
  });
});
