import { defineStatement } from '../statement.ts';

export interface ServerKeysRow {
  readonly server_name: string;
  readonly keys_json: string;
  readonly response_json: string;
  readonly fetched_ts: number;
  readonly valid_until_ts: number;
}

export const selectServerKeys = defineStatement<{ serverNames: readonly string[] }, ServerKeysRow>(
  `select server_name, keys_json, response_json, fetched_ts, valid_until_ts from server_keys
   where server_name in (:...serverNames)`,
);

export const upsertServerKeys = defineStatement<{
  serverName: string;
  keysJson: string;
  responseJson: string;
  fetchedTs: number;
  validUntilTs: number;
}>(
  `insert into server_keys (server_name, keys_json, response_json, fetched_ts, valid_until_ts)
   values (:serverName, :keysJson, :responseJson, :fetchedTs, :validUntilTs)
   on conflict (server_name) do update set
     keys_json = excluded.keys_json, response_json = excluded.response_json,
     fetched_ts = excluded.fetched_ts, valid_until_ts = excluded.valid_until_ts`,
);
