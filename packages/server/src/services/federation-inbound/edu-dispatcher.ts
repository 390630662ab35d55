import type { JsonObject } from '@limpet/protocol/json';
import { refused, type Verdict } from '@limpet/protocol/verdict';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { Platform } from '../../platform/platform.ts';
import type { EduHandler, EduHandlers } from '../remote-servers/edu-handler.ts';

/** Longest that the EDUs of one transaction are waited for together; those not begun by then are dropped. */
const MAX_DISPATCH_MS = 20_000;

/** An EDU whose outer shape is right. */
export interface Edu {
  readonly type: string;
  readonly content: JsonObject;
}

/**
 * Brings the EDUs of a transaction to those who take them, one after the other. One that is refused, or fails, is
 * logged and does not keep the next one back. What nobody here takes is passed over: there will be new types.
 */
export class EduDispatcher {
  readonly #handlers: ReadonlyMap<string, EduHandler>;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(handlers: EduHandlers, { clock, log }: Pick<Platform, 'clock' | 'log'>) {
    this.#handlers = new Map(Object.entries(handlers));
    this.#clock = clock;
    this.#log = log;
  }

  async dispatch(origin: string, edus: readonly Edu[]): Promise<void> {
    const endMs = this.#clock.monotonicMs() + MAX_DISPATCH_MS;
    const refusals: { type: string; reason: string }[] = [];
    for (const { type, content } of edus) {
      const handler = this.#handlers.get(type);
      if (handler === undefined) continue;
      const verdict =
        this.#clock.monotonicMs() < endMs ? await this.#handle(handler, origin, { type, content }) : TOO_LATE;
      if (!verdict.allowed) refusals.push({ type, reason: verdict.reason });
    }
    if (refusals.length > 0) this.#log.info('EDUs of another server were refused', { origin, refusals });
  }

  async #handle(handler: EduHandler, origin: string, { type, content }: Edu): Promise<Verdict> {
    try {
      return await handler(origin, content);
    } catch (error) {
      this.#log.warn('An EDU of another server could not be taken', { origin, type, error });
      return HANDLED;
    }
  }
}

const TOO_LATE = refused('The EDUs before it took too long.');
/** It is logged already. */
const HANDLED: Verdict = { allowed: true };
