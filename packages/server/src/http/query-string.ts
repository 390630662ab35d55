import { MatrixError } from '@limpet/protocol/matrix-error';

/** More parameters than any endpoint has, with room for repeated ones (`via`, `server_name`). */
const MAX_QUERY_PARAMETERS = 1_000;

/** Parameter by name; one that is repeated is a list. Made without a prototype, so any name is safe. */
export type QueryParameters = Record<string, string | string[]>;

/** Reads the text after the `?`. Throws M_INVALID_PARAM, naming the parameter, for bad percent-encoding. */
export function parseQueryString(text: string): QueryParameters {
  const parameters: QueryParameters = Object.create(null);
  if (text === '') {
    return parameters;
  }
  const pairs = text.split('&', MAX_QUERY_PARAMETERS + 1);
  if (pairs.length > MAX_QUERY_PARAMETERS) {
    throw new MatrixError('M_INVALID_PARAM', `The query has more than ${MAX_QUERY_PARAMETERS} parameters.`);
  }
  for (const pair of pairs) {
    if (pair !== '') {
      addPair(parameters, pair);
    }
  }
  return parameters;
}

function addPair(parameters: QueryParameters, pair: string): void {
  const equals = pair.indexOf('=');
  const rawName = equals === -1 ? pair : pair.slice(0, equals);
  const name = decoded(rawName, rawName);
  const value = equals === -1 ? '' : decoded(pair.slice(equals + 1), name);
  const before = parameters[name];
  if (before === undefined) {
    parameters[name] = value;
  } else if (typeof before === 'string') {
    parameters[name] = [before, value];
  } else {
    before.push(value);
  }
}

/** Forms write a space as `+`, and so does URLSearchParams. */
function decoded(text: string, name: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) {
    return spaced;
  }
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw new MatrixError('M_INVALID_PARAM', `The query parameter "${name}" is not valid percent-encoded UTF-8.`);
  }
}
