import type { ContractDatabase } from './contract-database.ts';
import { describeMigrations } from './migrations-contract.ts';
import { describeReads } from './reads-contract.ts';
import { describeStream } from './stream-contract.ts';
import { describeWrites } from './writes-contract.ts';

/** What every Storage promises, as tests. `create` makes a new, empty database each time. */
export function describeStorageContract(create: () => Promise<ContractDatabase>): void {
  describeWrites(create);
  describeStream(create);
  describeReads(create);
  describeMigrations(create);
}
