import type { TSchema } from 'typebox';
import type { QueryParameters } from './query-string.ts';

/**
 * The query as its schema means it: `"10"` becomes 10 where an integer is due, `"true"` becomes true, a single value
 * becomes a list where a list is due; of a repeated single parameter the first counts. What does not read as its type
 * stays text, for the schema to refuse by name. A missing parameter gets the schema's default.
 */
export function coerceQuery(parameters: QueryParameters, schema: TSchema): Record<string, unknown> {
  const coerced: Record<string, unknown> = Object.create(null);
  const properties = propertiesOf(schema);
  for (const [name, value] of Object.entries(parameters)) {
    const property = properties[name];
    coerced[name] = property === undefined ? value : coerceParameter(value, property);
  }
  for (const [name, property] of Object.entries(properties)) {
    if (coerced[name] === undefined && property.default !== undefined) {
      coerced[name] = property.default;
    }
  }
  return coerced;
}

type Property = Readonly<Record<string, unknown>>;

function propertiesOf(schema: TSchema): Readonly<Record<string, Property>> {
  return 'properties' in schema ? (schema.properties as Record<string, Property>) : {};
}

function coerceParameter(value: string | string[], property: Property): unknown {
  if (property.type === 'array') {
    const items = isProperty(property.items) ? property.items : {};
    return (typeof value === 'string' ? [value] : value).map((item) => coerceText(item, items));
  }
  return coerceText(typeof value === 'string' ? value : (value[0] ?? ''), property);
}

function coerceText(text: string, property: Property): unknown {
  switch (property.type) {
    case 'integer':
      return /^-?[0-9]+$/.test(text) ? Number(text) : text;
    case 'number':
      return /^-?[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    default:
      return text;
  }
}

function isProperty(value: unknown): value is Property {
  return typeof value === 'object' && value !== null;
}
