import { encodeCanonicalJson } from './canonical-json.ts';

/** What of a request is signed. Specification: server-server API, "Request Authentication", step 1. */
export interface RequestToSign {
  readonly method: string;
  /** Path and query as they stand in the request line. */
  readonly uri: string;
  readonly origin: string;
  readonly destination: string;
  /** The body as canonical JSON; `undefined` for a request without one. */
  readonly content: string | undefined;
}

/** The canonical JSON that stands for the request: its UTF-8 is what is signed. */
export function signedTextOfRequest({ method, uri, origin, destination, content }: RequestToSign): string {
  // A body may be megabytes that are canonical text already, so it is put in as it is: `content` comes before the rest.
  const rest = encodeCanonicalJson({ destination, method, origin, uri });
  return content === undefined ? rest : `{"content":${content},${rest.slice(1)}`;
}
