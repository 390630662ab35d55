import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';

/**
 * An event with these fields alone, each a path of property names.
 * Specification: client-server API, "Filtering", `event_fields`.
 */
export function keepFields(eventText: string, fields: readonly (readonly string[])[]): string {
  const event = JSON.parse(eventText) as JsonObject;
  const kept: JsonObject = {};
  for (const field of fields) copyField(event, kept, field);
  return JSON.stringify(kept);
}

function copyField(from: JsonObject, to: JsonObject, [name, ...rest]: readonly string[]): void {
  if (name === undefined || !Object.hasOwn(from, name)) return;
  const value = from[name] as JsonValue;
  if (rest.length === 0) {
    setOwn(to, name, value);
  } else if (isJsonObject(value)) {
    const known = Object.hasOwn(to, name) ? to[name] : undefined;
    const inner: JsonObject = isJsonObject(known) ? known : {};
    copyField(value, inner, rest);
    if (Object.keys(inner).length > 0) setOwn(to, name, inner);
  }
}

/** Also for a field named `__proto__`. */
function setOwn(object: JsonObject, name: string, value: JsonValue): void {
  Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}
