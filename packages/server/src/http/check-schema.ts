import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';

/** Where a value came from, for the message and the errcode. */
export type Place = 'body' | 'query' | 'path';

/** Longest list of allowed values that a message spells out. */
const MAX_VALUES_IN_MESSAGE = 20;

/**
 * Compiles the schema, and gives the function that lets a value through or throws: M_MISSING_PARAM when something
 * required is not there, M_BAD_JSON when a body has the wrong shape, M_INVALID_PARAM when a value is out of its range.
 * The message names the parameter. Schemas are compiled at their first use, so that a start costs nothing.
 */
export function schemaCheck<Schema extends TSchema>(schema: Schema, place: Place): (value: unknown) => Static<Schema> {
  let validator: ReturnType<typeof Compile> | undefined;
  return (value) => {
    validator ??= Compile(schema as TSchema);
    if (validator.Check(value)) {
      return value as Static<Schema>;
    }
    throw refusalOf(mostTelling(validator.Errors(value)), schema, place);
  };
}

/** Of the alternatives of a union every one reports its own fault; the union's own line is the useful one. */
function mostTelling(errors: readonly TLocalizedValidationError[]): TLocalizedValidationError {
  const first = errors[0];
  if (first === undefined) {
    throw new Error('A schema refused a value and gave no error.');
  }
  const union = errors.find((error) => error.keyword === 'anyOf' && error.instancePath === first.instancePath);
  return union ?? first;
}

function refusalOf(error: TLocalizedValidationError, schema: TSchema, place: Place): MatrixError {
  if (error.keyword === 'required') {
    const missing = error.params.requiredProperties.map((name) => quoted(`${error.instancePath}/${name}`)).join(', ');
    return new MatrixError('M_MISSING_PARAM', `The ${place} needs ${missing}.`);
  }
  const subject = error.instancePath === '' ? `The ${place}` : `${quoted(error.instancePath)} in the ${place}`;
  const isShape = error.keyword === 'type' && place === 'body';
  return new MatrixError(isShape ? 'M_BAD_JSON' : 'M_INVALID_PARAM', `${subject} ${demandOf(error, schema)}.`);
}

function demandOf(error: TLocalizedValidationError, schema: TSchema): string {
  switch (error.keyword) {
    case 'type':
      return `must be ${withArticle(String(error.params.type))}`;
    case 'const':
      return `must be ${JSON.stringify(error.params.allowedValue)}`;
    case 'enum':
      return `must be ${oneOf(error.params.allowedValues)}`;
    case 'anyOf':
      return demandOfUnion(schemaAt(schema, error.schemaPath));
    case 'additionalProperties':
      return `does not take ${error.params.additionalProperties.map((name) => `"${name}"`).join(', ')}`;
    default:
      return error.message;
  }
}

function demandOfUnion(schema: unknown): string {
  const alternatives = isRecord(schema) && Array.isArray(schema.anyOf) ? schema.anyOf : [];
  const constants = alternatives.filter(isRecord).map((alternative) => alternative.const);
  if (constants.length > 0 && constants.every((constant) => constant !== undefined)) {
    return `must be ${oneOf(constants)}`;
  }
  const types = alternatives.filter(isRecord).map((alternative) => alternative.type);
  return types.length > 0 && types.every((type) => typeof type === 'string')
    ? `must be ${types.map(withArticle).join(' or ')}`
    : 'has none of the forms that it may have';
}

function oneOf(values: readonly unknown[]): string {
  const shown = values.slice(0, MAX_VALUES_IN_MESSAGE).map((value) => JSON.stringify(value));
  return values.length > shown.length ? `one of ${shown.join(', ')}, …` : shown.join(' or ');
}

/** `#/properties/limit` → that part of the schema. */
function schemaAt(schema: unknown, path: string): unknown {
  let part: unknown = schema;
  for (const step of path.split('/').slice(1)) {
    part = isRecord(part) || Array.isArray(part) ? (part as Record<string, unknown>)[unescaped(step)] : undefined;
  }
  return part;
}

/** `/a/b~1c` → `"a.b/c"`. */
function quoted(pointer: string): string {
  return `"${pointer.split('/').slice(1).map(unescaped).join('.')}"`;
}

function unescaped(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

function withArticle(type: string): string {
  return /^[aeio]/.test(type) ? `an ${type}` : type === 'null' ? type : `a ${type}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
