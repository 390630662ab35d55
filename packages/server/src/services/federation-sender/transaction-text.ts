import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';

/** Specification: server-server API, "Transactions". */
export const MAX_PDUS = 50;
export const MAX_EDUS = 100;

export interface TransactionParts {
  readonly origin: string;
  readonly originServerTs: number;
  /** Canonical JSON texts. */
  readonly pdus: readonly string[];
  readonly edus: readonly string[];
}

/** The body of a transaction as canonical JSON, put together from texts: no event is parsed or made into text again. */
export function transactionText({ origin, originServerTs, pdus, edus }: TransactionParts): string {
  const head = `"origin":${encodeCanonicalJson(origin)},"origin_server_ts":${originServerTs}`;
  return `{"edus":[${edus.join(',')}],${head},"pdus":[${pdus.join(',')}]}`;
}

/** An EDU as canonical JSON; its content is that already. */
export function eduText(type: string, contentJson: string): string {
  return `{"content":${contentJson},"edu_type":${encodeCanonicalJson(type)}}`;
}
