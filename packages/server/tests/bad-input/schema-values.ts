import type { TSchema } from 'typebox';
import { seededRandom } from '../support/seeded-random.ts';

/**
 * Good and bad values made from the schemas of endpoints, so that what is described is also tried.
 */
interface SchemaShape {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly SchemaShape[];
  readonly properties?: Readonly<Record<string, SchemaShape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaShape | boolean;
  readonly items?: SchemaShape;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A value with one thing about it that is odd. */
export interface OddValue {
  readonly what: string;
  readonly value: unknown;
  /** The schema says no; otherwise the server may take it or refuse it. */
  readonly isAgainstSchema: boolean;
}

const WRONG_TYPES: readonly unknown[] = [null, true, 1, 1.5, -1, 'text', [], [null], {}, { a: 1 }];
const ODD_TEXTS = [
  '',
  ' ',
  'a\0b',
  '\ud800',
  '\u{10ffff}',
  '__proto__',
  'constructor',
  '../..',
  '%',
  '*',
  '@',
  '@:',
  '!',
  '#',
  '$',
  'x'.repeat(256),
  'é'.repeat(20_000),
  mixedText(4_000),
];
const ODD_INTEGERS = [0, -1, 2 ** 31, 2 ** 53 - 1, -(2 ** 53), 2 ** 60, 1e300];

/** Text that nothing compresses: PostgreSQL takes no more than 2,704 bytes of such into an index. */
export function mixedText(length: number): string {
  return Buffer.from(seededRandom(1).bytes(length)).toString('base64url').slice(0, length);
}

/** A value with all that the schema names, by `known` names where there are any. */
export function goodValue(schema: TSchema, known: Readonly<Record<string, unknown>> = {}): unknown {
  return goodOf(schema as SchemaShape, known, undefined);
}

/** Each differs from the good value in one place. */
export function oddValues(schema: TSchema, known: Readonly<Record<string, unknown>> = {}): OddValue[] {
  return oddOf(schema as SchemaShape, known, goodValue(schema, known));
}

function goodOf(schema: SchemaShape, known: Readonly<Record<string, unknown>>, name: string | undefined): unknown {
  if (name !== undefined && Object.hasOwn(known, name)) return known[name];
  if (schema.const !== undefined) return schema.const;
  if (schema.anyOf !== undefined) return goodOf(schema.anyOf[0] ?? {}, known, undefined);
  switch (schema.type) {
    case 'object':
      return goodObject(schema, known);
    case 'array':
      return [goodOf(schema.items ?? {}, known, undefined)];
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    case 'boolean':
      return true;
    case 'string':
      return 'text';
    default:
      return {};
  }
}

function goodObject(schema: SchemaShape, known: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties ?? {})) value[name] = goodOf(property, known, name);
  if (typeof schema.additionalProperties === 'object') {
    value.any = goodOf(schema.additionalProperties, known, undefined);
  }
  return value;
}

function oddOf(schema: SchemaShape, known: Readonly<Record<string, unknown>>, good: unknown): OddValue[] {
  const wrong = WRONG_TYPES.filter((value) => !mayBe(schema, value)).map((value) => ({
    what: `is ${JSON.stringify(value)}`,
    value,
    isAgainstSchema: true,
  }));
  return [...wrong, ...oddTexts(schema), ...oddIntegers(schema), ...oddInside(schema, known, good)];
}

function oddTexts(schema: SchemaShape): OddValue[] {
  if (schema.type !== 'string' && schema.type !== undefined) return [];
  return ODD_TEXTS.map((value) => ({
    what: `is ${JSON.stringify(value.slice(0, 20))} of ${value.length}`,
    value,
    isAgainstSchema: schema.minLength !== undefined && value.length < schema.minLength,
  }));
}

function oddIntegers(schema: SchemaShape): OddValue[] {
  if (schema.type !== 'integer') return [];
  const { minimum = -Infinity, maximum = Infinity } = schema;
  return ODD_INTEGERS.map((value) => ({
    what: `is ${value}`,
    value,
    isAgainstSchema: value < minimum || value > maximum,
  }));
}

function oddInside(schema: SchemaShape, known: Readonly<Record<string, unknown>>, good: unknown): OddValue[] {
  if (schema.type === 'array' && schema.items !== undefined) {
    const item = goodOf(schema.items, known, undefined);
    const inside = oddOf(schema.items, known, item).map((odd) => ({
      ...odd,
      what: `[0] ${odd.what}`,
      value: [odd.value],
    }));
    return [...inside, { what: 'has 2,000 items', value: Array(2_000).fill(item), isAgainstSchema: false }];
  }
  if (schema.type !== 'object' || typeof good !== 'object' || good === null) return [];
  const properties = Object.entries(schema.properties ?? {});
  const values = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
  if (values !== undefined) properties.push(['any', values]);
  const odd = properties.flatMap(([name, property]) => [
    ...oddOf(property, known, (good as Record<string, unknown>)[name]).map((inside) => ({
      ...inside,
      what: `${name} ${inside.what}`,
      value: { ...good, [name]: inside.value },
    })),
    {
      what: `without ${name}`,
      value: Object.fromEntries(Object.entries(good).filter(([key]) => key !== name)),
      isAgainstSchema: schema.required?.includes(name) === true,
    },
  ]);
  return values === undefined ? odd : [...odd, ...oddKeys(values, known)];
}

function oddKeys(values: SchemaShape, known: Readonly<Record<string, unknown>>): OddValue[] {
  return ODD_TEXTS.map((key) => ({
    what: `has the key ${JSON.stringify(key.slice(0, 20))} of ${key.length}`,
    value: Object.fromEntries([[key, goodOf(values, known, undefined)]]),
    isAgainstSchema: false,
  }));
}

/** Whether a schema could let such a value through, by its type alone. */
function mayBe(schema: SchemaShape, value: unknown): boolean {
  if (schema.const !== undefined) return schema.const === value;
  if (schema.anyOf !== undefined) return schema.anyOf.some((alternative) => mayBe(alternative, value));
  switch (schema.type) {
    case undefined:
      return true;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'null':
      return value === null;
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === schema.type;
  }
}
