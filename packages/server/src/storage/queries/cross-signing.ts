import { defineStatement } from '../statement.ts';

type Usage = 'master' | 'self_signing' | 'user_signing';

export interface SigningKeyRow {
  user_id: string;
  usage: Usage;
  public_key: string;
  json: string;
}

export const selectSigningKeys = defineStatement<{ userIds: readonly string[] }, SigningKeyRow>(
  `select user_id, usage, public_key, json from cross_signing_keys
   where user_id in (:...userIds) order by user_id, usage`,
);

/** Changes nothing where the user has a key for this use: to be run with `expect`. */
export const insertSigningKey = defineStatement<{ userId: string; usage: Usage; publicKey: string; json: string }>(
  `insert into cross_signing_keys (user_id, usage, public_key, json)
   values (:userId, :usage, :publicKey, :json) on conflict (user_id, usage) do nothing`,
);

/** Changes nothing where the user has not this key for this use any more: to be run with `expect`. */
export const confirmSigningKey = defineStatement<{ userId: string; usage: Usage; publicKey: string }>(
  'update cross_signing_keys set json = json where user_id = :userId and usage = :usage and public_key = :publicKey',
);

/** Changes nothing, and fails an `expect`, where one of the user's devices is called like this key. */
export const confirmKeyIsNoDevice = defineStatement<{ userId: string; usage: Usage; publicKey: string }>(
  `update cross_signing_keys set json = json
   where user_id = :userId and usage = :usage and public_key = :publicKey and not exists
     (select 1 from devices where user_id = :userId and device_id = :publicKey)`,
);

export const deleteSigningKeys = defineStatement<{ userId: string; usages: readonly Usage[] }>(
  'delete from cross_signing_keys where user_id = :userId and usage in (:...usages)',
);

export const deleteAllSigningKeys = defineStatement<{ userId: string }>(
  'delete from cross_signing_keys where user_id = :userId',
);

/** Changes nothing where the key is not as it was known: to be run with `expect`. */
export const updateSigningKey = defineStatement<{ userId: string; usage: Usage; known: string; json: string }>(
  `update cross_signing_keys set json = :json
   where user_id = :userId and usage = :usage and json = :known`,
);

/** What this user signed of these. */
export const selectUserSignatures = defineStatement<
  { signerId: string; userIds: readonly string[] },
  { user_id: string; public_key: string; signer_key_id: string; signature: string }
>(
  `select user_id, public_key, signer_key_id, signature from user_signatures
   where signer_id = :signerId and user_id in (:...userIds)`,
);

export const upsertUserSignature = defineStatement<{
  signerId: string;
  userId: string;
  publicKey: string;
  signerKeyId: string;
  signature: string;
  writer: number;
  position: number;
}>(
  `insert into user_signatures (signer_id, user_id, public_key, signer_key_id, signature, writer, position)
   values (:signerId, :userId, :publicKey, :signerKeyId, :signature, :writer, :position)
   on conflict (signer_id, user_id) do update set
     public_key = excluded.public_key, signer_key_id = excluded.signer_key_id, signature = excluded.signature,
     writer = excluded.writer, position = excluded.position`,
);

export const deleteUserSignatures = defineStatement<{ signerId: string }>(
  'delete from user_signatures where signer_id = :signerId',
);

/** Users whom this one signed last within the stretch: `after` < position <= `upTo`. */
export const selectSignedUsers = defineStatement<
  { signerId: string; writer: number; after: number; upTo: number },
  { user_id: string }
>(
  `select user_id from user_signatures
   where signer_id = :signerId and writer = :writer and position > :after and position <= :upTo order by position`,
);

/** What other servers were told of a user's cross-signing keys. */
export const selectAnnouncedSigningKeys = defineStatement<{ userId: string }, { digest: string }>(
  'select digest from announced_signing_keys where user_id = :userId',
);

export const upsertAnnouncedSigningKeys = defineStatement<{ userId: string; digest: string }>(
  `insert into announced_signing_keys (user_id, digest) values (:userId, :digest)
   on conflict (user_id) do update set digest = excluded.digest`,
);
