import type { FastifyReply } from 'fastify';

/** The requests that wait for something, so that they can be answered at once when the server stops. */
export interface OpenRequests {
  /** A signal that aborts when the connection of this response closes, or when the server stops. */
  signalOf(response: FastifyReply['raw']): AbortSignal;
  /** Aborts every signal there is, and those that are asked for later. */
  abortAll(): void;
}

/** One reason for all: an `abort` without one makes an exception with a stack, for every request that ends. */
const NOBODY_WAITS = Symbol('nobody waits for this answer any more');

export function createOpenRequests(): OpenRequests {
  const open = new Set<AbortController>();
  let isStopping = false;

  function signalOf(response: FastifyReply['raw']): AbortSignal {
    const controller = new AbortController();
    if (isStopping) {
      controller.abort(NOBODY_WAITS);
      return controller.signal;
    }
    open.add(controller);
    response.once('close', () => {
      open.delete(controller);
      if (!response.writableFinished) controller.abort(NOBODY_WAITS);
    });
    return controller.signal;
  }

  function abortAll(): void {
    isStopping = true;
    for (const controller of open) {
      controller.abort(NOBODY_WAITS);
    }
    open.clear();
  }

  return { signalOf, abortAll };
}
