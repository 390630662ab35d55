import { defineStatement } from '../statement.ts';

export interface AccountDataRow {
  /** '' for global account data. */
  room_id: string;
  type: string;
  content_json: string;
}

export const selectAccountData = defineStatement<
  { userId: string; roomId: string; type: string },
  { content_json: string }
>('select content_json from account_data where user_id = :userId and room_id = :roomId and type = :type');

export const selectAccountDataOfTypes = defineStatement<
  { userId: string; roomId: string; types: readonly string[] },
  { content_json: string }
>("select content_json from account_data where user_id = :userId and room_id = :roomId and type in (:...'types')");

/** What one writer changed last, with `after` < position <= `upTo`. */
export const selectAccountDataBetween = defineStatement<
  { userId: string; writer: number; after: number; upTo: number },
  AccountDataRow
>(
  `select room_id, type, content_json from account_data
   where user_id = :userId and writer = :writer and position > :after and position <= :upTo
   order by position`,
);

export const selectAllAccountData = defineStatement<{ userId: string }, AccountDataRow>(
  'select room_id, type, content_json from account_data where user_id = :userId order by room_id, type',
);

/** All of these rooms; the room '' is for what is global. */
export const selectAccountDataInRooms = defineStatement<
  { userId: string; roomIds: readonly string[] },
  AccountDataRow & { writer: number; position: number }
>(
  `select room_id, type, content_json, writer, position from account_data
   where user_id = :userId and room_id in (:...roomIds) order by room_id, type`,
);

export const countAccountData = defineStatement<{ userId: string }, { count: number }>(
  'select count(*) as count from account_data where user_id = :userId',
);

export const upsertAccountData = defineStatement<{
  userId: string;
  roomId: string;
  type: string;
  contentJson: string;
  writer: number;
  position: number;
}>(
  `insert into account_data (user_id, room_id, type, content_json, writer, position)
   values (:userId, :roomId, :type, :contentJson, :writer, :position)
   on conflict (user_id, room_id, type) do update set
     content_json = excluded.content_json, writer = excluded.writer, position = excluded.position`,
);

export const deleteAllAccountData = defineStatement<{ userId: string }>(
  'delete from account_data where user_id = :userId',
);
