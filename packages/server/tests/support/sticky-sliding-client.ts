import type { JsonObject } from '@limpet/protocol/json';
import type { Session } from '../../src/services/accounts/sessions.ts';
import { type SlidingAnswer, SlidingClient } from './sliding-client.ts';
import type { TestServer } from './test-server.ts';

const NAME = 'org.matrix.msc4354.sticky_events';

type StickyEvent = JsonObject & { event_id: string };

interface Sticky {
  readonly next_batch?: string;
  readonly rooms?: Record<string, { readonly events: readonly StickyEvent[] }>;
}

/** A client of sliding sync with the sticky extension: it keeps its `since` whatever becomes of the connection. */
export class StickySlidingClient {
  readonly #client: SlidingClient;
  since: string | undefined;
  limit: number | undefined;

  constructor(server: TestServer, session: Session, lists: JsonObject) {
    this.#client = new SlidingClient(server, session, { lists });
  }

  set lists(lists: JsonObject) {
    this.#client.body = { ...this.#client.body, lists };
  }

  /** Begins a new connection. */
  reset(): void {
    this.#client.pos = undefined;
  }

  moveTo(server: TestServer): void {
    this.#client.moveTo(server);
  }

  /** What the next answer has: the extension's events by room, and the answer itself. */
  async sync({ isLost = false, timeoutMs = 0 }: { isLost?: boolean; timeoutMs?: number } = {}) {
    const request = { enabled: true, since: this.since, limit: this.limit };
    const extensions = { [NAME]: JSON.parse(JSON.stringify(request)) as JsonObject };
    const answer = await this.#client.sync({ isLost, timeoutMs, body: { extensions } });
    const sticky = stickyIn(answer);
    if (!isLost) this.since = sticky?.next_batch ?? this.since;
    const ids = Object.entries(sticky?.rooms ?? {}).map(
      ([roomId, { events }]) => [roomId, events.map((event) => event.event_id)] as const,
    );
    return { answer, sticky, ids: Object.fromEntries(ids) as Record<string, string[]> };
  }
}

export function stickyIn({ body }: SlidingAnswer, name = NAME): Sticky | undefined {
  return (body.extensions as Record<string, Sticky> | undefined)?.[name];
}
