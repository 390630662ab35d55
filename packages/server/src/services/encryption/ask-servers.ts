import type { ServerName } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { RemoteServerError } from '../remote-servers/remote-servers.ts';

/** Other servers that one request may be for. */
const MAX_SERVERS = 200;
/** How long a client waits that does not say; the specification recommends ten seconds. */
const DEFAULT_TIMEOUT_MS = 10_000;
/** How long a client waits at least, whatever it says, and at most. */
const MIN_TIMEOUT_MS = 100;
const MAX_TIMEOUT_MS = 30_000;

export interface ServersAnswer<Part> {
  readonly parts: readonly Part[];
  /** By server: why it gave nothing, or not everything. */
  readonly failures: JsonObject;
}

/** Where a server's answer goes: what was there when its time is over counts. */
export type AskServer<Value, Part> = (
  serverName: ServerName,
  value: Value,
  asking: { readonly timeoutMs: number; readonly give: (part: Part) => void },
) => Promise<void>;

/**
 * Asks all these servers at once, and waits for none of them longer than the client says. Throws M_TOO_LARGE for too
 * many servers.
 */
export async function askServers<Value, Part>(
  servers: ReadonlyMap<ServerName, Value>,
  { requestedMs, platform }: { readonly requestedMs: number | undefined; readonly platform: Platform },
  ask: AskServer<Value, Part>,
): Promise<ServersAnswer<Part>> {
  if (servers.size > MAX_SERVERS) {
    throw new MatrixError('M_TOO_LARGE', `One request may be for users of ${MAX_SERVERS} other servers.`);
  }
  const timeoutMs = Math.min(Math.max(requestedMs ?? DEFAULT_TIMEOUT_MS, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS);
  const parts: Part[] = [];
  const failures: [string, JsonObject][] = [];
  const asking = [...servers].map(async ([serverName, value]) => {
    let isOver = false;
    const give = (part: Part) => {
      if (!isOver) parts.push(part);
    };
    const reason = await within(timeoutMs, platform, ask(serverName, value, { timeoutMs, give }));
    isOver = true;
    if (reason !== undefined) failures.push([serverName, { errcode: 'M_UNKNOWN', error: reason }]);
  });
  await Promise.all(asking);
  return { parts, failures: Object.fromEntries(failures) };
}

/** Why it came to nothing; `undefined` where it did not. */
async function within(timeoutMs: number, { timers }: Platform, asked: Promise<void>): Promise<string | undefined> {
  const answer = asked.then(
    () => undefined,
    (error) => {
      if (error instanceof RemoteServerError) return error.message;
      throw error;
    },
  );
  const over = Promise.withResolvers<string>();
  const timer = timers.after(timeoutMs, () => over.resolve('The server did not answer in time.'));
  try {
    return await Promise.race([answer, over.promise]);
  } finally {
    timer.cancel();
  }
}
