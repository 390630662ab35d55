import { Type } from 'typebox';
import { anyJsonObject } from './json-object-schema.ts';
import { recordOf } from './record-schema.ts';

/** Specification: client-server API, "Device keys". */
export const deviceKeys = Type.Object({
  user_id: Type.String(),
  device_id: Type.String(),
  algorithms: Type.Array(Type.String()),
  keys: recordOf(Type.String()),
  signatures: recordOf(recordOf(Type.String())),
});

/** One-time or fallback keys by `algorithm:key_id`. */
export const namedKeys = Type.Optional(anyJsonObject);
