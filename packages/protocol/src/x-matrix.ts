/**
 * The credentials of a server, as a request carries them.
 * Specification: server-server API, "Request Authentication".
 */
export interface XMatrix {
  readonly origin: string;
  /** Left out by servers from before version 1.3 of the specification. */
  readonly destination: string | undefined;
  /** With its algorithm, `ed25519:a1`. */
  readonly key: string;
  /** In unpadded Base64. */
  readonly signature: string;
}

/** The value of the header `Authorization`, in the form that older servers read too. */
export function formatXMatrix({ origin, destination, key, signature }: XMatrix): string {
  const forDestination = destination === undefined ? '' : `destination="${destination}",`;
  return `X-Matrix origin="${origin}",${forDestination}key="${key}",sig="${signature}"`;
}

/**
 * Reads the value of a header `Authorization`. `undefined` where it has another scheme, breaks the grammar (RFC 7235,
 * with colons allowed outside quotes as older servers write them), lacks a parameter or has one twice.
 */
export function parseXMatrix(header: string): XMatrix | undefined {
  const scheme = /^X-Matrix +/i.exec(header);
  if (scheme === null) {
    return undefined;
  }
  const parameters = readParameters(header.slice(scheme[0].length).trimEnd());
  const origin = parameters?.get('origin');
  const key = parameters?.get('key');
  const signature = parameters?.get('sig');
  if (origin === undefined || key === undefined || signature === undefined) {
    return undefined;
  }
  return { origin, destination: parameters?.get('destination'), key, signature };
}

/** One parameter from here on: name, then a text in quotes or a token. Each alternative starts differently. */
const PARAMETER = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",\\]+))[ \t]*(?:,[ \t,]*|$)/y;

function readParameters(text: string): Map<string, string> | undefined {
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = 0;
  while (PARAMETER.lastIndex < text.length) {
    const match = PARAMETER.exec(text);
    if (match === null) {
      return undefined;
    }
    const [, name = '', quoted, token = ''] = match;
    const key = name.toLowerCase();
    if (parameters.has(key)) {
      return undefined;
    }
    parameters.set(key, quoted === undefined ? token : quoted.replaceAll(/\\(.)/g, '$1'));
  }
  return parameters;
}
