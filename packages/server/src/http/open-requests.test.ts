import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { createOpenRequests } from './open-requests.ts';

function response(): ServerResponse {
  // All that is asked of a response is its "close".
  return new EventEmitter() as unknown as ServerResponse;
}

describe('a waiting request', () => {
  test('is told when its client goes away, and no other is', () => {
    const requests = createOpenRequests();
    const [first, second] = [response(), response()];
    const signals = [requests.signalOf(first), requests.signalOf(second)];
    first.emit('close');
    expect(signals.map((signal) => signal.aborted)).toEqual([true, false]);
  });

  test('is told when the server stops, and so is one that comes later', () => {
    const requests = createOpenRequests();
    const early = requests.signalOf(response());
    requests.abortAll();
    expect([early.aborted, requests.signalOf(response()).aborted]).toEqual([true, true]);
  });
});
