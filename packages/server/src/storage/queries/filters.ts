import { defineStatement } from '../statement.ts';

export const selectFilter = defineStatement<{ userId: string; filterId: number }, { json: string }>(
  'select json from filters where user_id = :userId and filter_id = :filterId',
);

export const selectFilterByJson = defineStatement<{ userId: string; json: string }, { filter_id: number }>(
  'select filter_id from filters where user_id = :userId and json = :json',
);

/** Numbers the filters of each user from 0; returns no row when the user has `limit` of them. */
export const insertFilter = defineStatement<{ userId: string; json: string; limit: number }, { filter_id: number }>(
  `insert into filters (user_id, filter_id, json)
   select :userId, coalesce(max(filter_id), -1) + 1, :json from filters where user_id = :userId
   having count(*) < :limit
   returning filter_id`,
);

export const deleteFilters = defineStatement<{ userId: string }>('delete from filters where user_id = :userId');
