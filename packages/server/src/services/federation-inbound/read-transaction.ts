import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Edu } from './edu-dispatcher.ts';

/** Most of both in one transaction. Specification: server-server API, "Transactions". */
export const MAX_PDUS = 50;
export const MAX_EDUS = 100;

/** The body of a transaction, of the outer shape that it has to have. */
export interface TransactionBody {
  readonly origin: JsonValue;
  readonly pdus: readonly JsonValue[];
  readonly edus: readonly JsonValue[];
}

export interface ReadTransaction {
  readonly pdus: readonly JsonObject[];
  readonly edus: readonly Edu[];
  /** PDUs and EDUs that are no objects, or EDUs without type and content: nobody can say their names. */
  readonly nameless: number;
}

/** What stands in a transaction. Throws where it is too much, or comes from another server than the one that signed. */
export function readTransaction(signer: string, { origin, pdus, edus }: TransactionBody): ReadTransaction {
  if (origin !== signer) {
    throw new MatrixError('M_FORBIDDEN', 'The "origin" of a transaction has to be the server that signed the request.');
  }
  refuseMore('pdus', pdus, MAX_PDUS);
  refuseMore('edus', edus, MAX_EDUS);
  const objects = pdus.filter(isJsonObject);
  const read = edus.flatMap((edu) => readEdu(edu) ?? []);
  return { pdus: objects, edus: read, nameless: pdus.length - objects.length + edus.length - read.length };
}

function refuseMore(name: string, list: readonly JsonValue[], limit: number): void {
  if (list.length <= limit) return;
  throw new MatrixError(
    'M_INVALID_PARAM',
    `A transaction has at most ${limit} "${name}"; this one has ${list.length}.`,
  );
}

function readEdu(edu: JsonValue): Edu | undefined {
  if (!isJsonObject(edu)) return undefined;
  const { edu_type: type, content } = edu;
  return typeof type === 'string' && isJsonObject(content) ? { type, content } : undefined;
}
