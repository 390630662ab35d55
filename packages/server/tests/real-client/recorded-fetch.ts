export interface RecordedFetch {
  /** For the client: asks the server, and writes down how it answered. */
  readonly fetch: typeof globalThis.fetch;
  /**
   * Every sort of answer there was, and how often: `GET /path 200`, or for what was refused
   * `GET /path 404 M_NOT_FOUND`. Rooms, users and transactions in the path are replaced by names in braces.
   */
  readonly answers: ReadonlyMap<string, number>;
  /** Cuts the network: what is under way fails, and so does everything until `connect`. */
  readonly disconnect: () => void;
  readonly connect: () => void;
}

/**
 * A `fetch` for a client of the SDK that writes down how the server answered, and that a test can take off the network.
 */
export function recordedFetch(): RecordedFetch {
  const answers = new Map<string, number>();
  let network = new AbortController();

  async function fetchAndRecord(input: Parameters<typeof fetch>[0], init: RequestInit = {}): Promise<Response> {
    const signal = init.signal ? AbortSignal.any([init.signal, network.signal]) : network.signal;
    if (network.signal.aborted) {
      throw new TypeError('the test cut the network');
    }
    const response = await fetch(input, { ...init, signal });
    const { pathname } = new URL(String(input));
    const answer = `${init.method ?? 'GET'} ${withoutIds(pathname)} ${await verdictOf(response)}`;
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
    return response;
  }

  return {
    fetch: fetchAndRecord,
    answers,
    disconnect: () => network.abort(new TypeError('the test cut the network')),
    connect: () => {
      network = new AbortController();
    },
  };
}

async function verdictOf(response: Response): Promise<string> {
  if (response.status === 200) return '200';
  const body = (await response.clone().json()) as { errcode?: string };
  return `${response.status} ${body.errcode}`;
}

function withoutIds(path: string): string {
  return decodeURIComponent(path)
    .replace(/\/![^/]+/g, '/{roomId}')
    .replace(/\/@[^/]+/g, '/{userId}')
    .replace(/\/room_keys\/keys\/\{roomId\}\/.+$/, '/room_keys/keys/{roomId}/{sessionId}')
    .replace(/\/(send|sendToDevice)(\/.*?)?\/([^/]+)\/[^/]+$/, '/$1$2/$3/{transactionId}');
}
