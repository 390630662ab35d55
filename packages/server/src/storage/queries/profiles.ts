import { defineStatement } from '../statement.ts';

export interface ProfileFieldRow {
  field: string;
  value_json: string;
}

export const selectProfile = defineStatement<{ userId: string }, ProfileFieldRow>(
  'select field, value_json from profile_fields where user_id = :userId order by field',
);

export const selectProfileField = defineStatement<{ userId: string; field: string }, ProfileFieldRow>(
  'select field, value_json from profile_fields where user_id = :userId and field = :field',
);

export const upsertProfileField = defineStatement<{ userId: string; field: string; valueJson: string }>(
  `insert into profile_fields (user_id, field, value_json) values (:userId, :field, :valueJson)
   on conflict (user_id, field) do update set value_json = excluded.value_json`,
);

export const deleteProfileField = defineStatement<{ userId: string; field: string }>(
  'delete from profile_fields where user_id = :userId and field = :field',
);

/** Of a user who was erased. */
export const deleteErasedProfile = defineStatement<{ userId: string }>(
  `delete from profile_fields where user_id = :userId
   and exists (select 1 from users where users.user_id = :userId and is_erased = 1)`,
);

export const deleteProfile = defineStatement<{ userId: string }>('delete from profile_fields where user_id = :userId');
