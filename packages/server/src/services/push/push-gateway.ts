import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { OutboundFailure, type OutboundHttp, type OutboundResponse } from '../../platform/outbound-http.ts';
import type { Pusher } from './pusher.ts';

/** Gateways wait for Apple and Google before they answer. */
const TIMEOUT_MS = 30_000;
/** The answer names pushkeys, of which there is one. */
const MAX_ANSWER_BYTES = 65_536;
/** Requests under way to all gateways together: connections are few, and one that hangs takes half a minute. */
const MAX_UNDER_WAY = 100;
/** Of these for one user: his gateways may be ones that take their time, and others want to hear something, too. */
const MAX_OF_USER = 5;

/** Statuses that say nothing against what was sent. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([401, 403, 404, 408, 429]);

export type GatewayAnswer =
  | { readonly kind: 'taken' }
  /** The pushkey is no good any more: the pusher has to go. */
  | { readonly kind: 'rejected' }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      /** What the gateway asked for. */
      readonly retryAfterMs: number | undefined;
      /** It finds fault with what it was sent, so the same again will fare no better. */
      readonly isRefusal: boolean;
    };

/** A request that is not sent yet. */
interface Waiting {
  readonly userId: string;
  readonly enter: () => void;
}

/** Asks push gateways. Specification: Push Gateway API, `POST /_matrix/push/v1/notify`. */
export class PushGateway {
  readonly #http: OutboundHttp;
  readonly #allowsPrivate: boolean;
  readonly #abort = new AbortController();
  #underWay = 0;
  readonly #ofUsers = new Map<string, number>();
  readonly #waiting: Waiting[] = [];

  constructor(http: OutboundHttp, { allowsPrivate }: { allowsPrivate: boolean }) {
    this.#http = http;
    this.#allowsPrivate = allowsPrivate;
  }

  async notify(pusher: Pick<Pusher, 'userId' | 'url' | 'pushkey'>, notification: JsonObject): Promise<GatewayAnswer> {
    await this.#enter(pusher.userId);
    try {
      const response = await this.#http.send({
        method: 'POST',
        url: pusher.url,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ notification }),
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_ANSWER_BYTES,
        reach: this.#allowsPrivate ? 'anywhere' : 'public',
        signal: this.#abort.signal,
      });
      return readAnswer(response, pusher.pushkey);
    } catch (error) {
      if (!(error instanceof OutboundFailure)) throw error;
      return { kind: 'failed', reason: error.message, retryAfterMs: undefined, isRefusal: false };
    } finally {
      this.#leave(pusher.userId);
    }
  }

  /** Ends what is under way; what is asked for afterwards fails. */
  stop(): void {
    this.#abort.abort();
    for (const waiting of this.#waiting.splice(0)) this.#letIn(waiting);
  }

  async #enter(userId: string): Promise<void> {
    if (this.#abort.signal.aborted || this.#hasPlace(userId)) this.#count(userId, 1);
    else await new Promise<void>((enter) => this.#waiting.push({ userId, enter }));
  }

  /** Who ends makes place for one more: the one that waits longest, of those whose users have not enough already. */
  #leave(userId: string): void {
    this.#count(userId, -1);
    const index = this.#waiting.findIndex((waiting) => this.#hasPlace(waiting.userId));
    const [next] = index === -1 ? [] : this.#waiting.splice(index, 1);
    if (next !== undefined) this.#letIn(next);
  }

  #letIn({ userId, enter }: Waiting): void {
    this.#count(userId, 1);
    enter();
  }

  #hasPlace(userId: string): boolean {
    return this.#underWay < MAX_UNDER_WAY && (this.#ofUsers.get(userId) ?? 0) < MAX_OF_USER;
  }

  #count(userId: string, change: 1 | -1): void {
    this.#underWay += change;
    const ofUser = (this.#ofUsers.get(userId) ?? 0) + change;
    if (ofUser === 0) this.#ofUsers.delete(userId);
    else this.#ofUsers.set(userId, ofUser);
  }
}

function readAnswer({ status, headers, body }: OutboundResponse, pushkey: string): GatewayAnswer {
  if (status === 200) {
    const answer = jsonOf(body);
    const rejected = isJsonObject(answer) && Array.isArray(answer.rejected) ? answer.rejected : [];
    return { kind: rejected.includes(pushkey) ? 'rejected' : 'taken' };
  }
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  return {
    kind: 'failed',
    reason: `The gateway answered with status ${status}`,
    retryAfterMs: seconds >= 0 ? seconds * 1_000 : undefined,
    isRefusal: status >= 400 && status < 500 && !PASSING_STATUSES.has(status),
  };
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}
