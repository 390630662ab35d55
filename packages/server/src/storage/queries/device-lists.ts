import { defineStatement } from '../statement.ts';

/** A stretch of one writer's positions: `after` < position <= `upTo`. */
type Stretch = { writer: number; after: number; upTo: number };

/** Users whose devices changed last within the stretch. */
export const selectDeviceListChanges = defineStatement<Stretch, { user_id: string }>(
  `select user_id from device_list_changes
   where writer = :writer and position > :after and position <= :upTo order by position`,
);

/** The same, the first ones alone. */
export const selectSomeDeviceListChanges = defineStatement<
  Stretch & { limit: number },
  { user_id: string; position: number }
>(
  `select user_id, position from device_list_changes
   where writer = :writer and position > :after and position <= :upTo order by position limit :limit`,
);
