import { defineStatement } from '../statement.ts';

export const insertUnownedBlob = defineStatement<{ blob: string; nowTs: number }>(
  'insert into unowned_blobs (blob, noted_ts) values (:blob, :nowTs)',
);

export const deleteUnownedBlobs = defineStatement<{ blobs: readonly string[] }>(
  'delete from unowned_blobs where blob in (:...blobs)',
);

export const selectUnownedBlobs = defineStatement<{ after: string; limit: number }, { blob: string }>(
  'select blob from unowned_blobs where blob > :after order by blob limit :limit',
);
