import { defineStatement } from '../statement.ts';

export interface AliasRow {
  alias: string;
  room_id: string;
  creator: string;
}

export const selectAlias = defineStatement<{ alias: string }, AliasRow>(
  'select alias, room_id, creator from room_aliases where alias = :alias',
);

export const selectAliasesOfRoom = defineStatement<{ roomId: string }, { alias: string }>(
  'select alias from room_aliases where room_id = :roomId order by alias',
);

/** Changes a row only where the alias is free: to be run with `expect`. */
export const insertAlias = defineStatement<{ alias: string; roomId: string; creator: string; createdTs: number }>(
  `insert into room_aliases (alias, room_id, creator, created_ts) values (:alias, :roomId, :creator, :createdTs)
   on conflict (alias) do nothing`,
);

/** Changes a row only where the alias is still that of the room: to be run with `expect`. */
export const deleteAlias = defineStatement<{ alias: string; roomId: string }>(
  'delete from room_aliases where alias = :alias and room_id = :roomId',
);

/** All aliases of a room that was replaced lead to the new one. */
export const moveAliases = defineStatement<{ from: string; to: string }>(
  'update room_aliases set room_id = :to where room_id = :from',
);
