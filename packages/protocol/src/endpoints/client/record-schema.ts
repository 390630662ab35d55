import { type Static, type TSchema, type TUnsafe, Type } from 'typebox';

/**
 * An object whose values all have this schema, whatever their keys are. `Type.Record` with keys of any text says it by
 * a pattern that a line break does not match, and lets everything pass under such a key.
 */
export function recordOf<Value extends TSchema>(value: Value): TUnsafe<Record<string, Static<Value>>> {
  return Type.Unsafe<Record<string, Static<Value>>>(Type.Object({}, { additionalProperties: value }));
}
