import { expect, test } from 'vitest';
import { OutboundFailure, type OutboundRequest, type OutboundResponse } from '../../platform/outbound-http.ts';
import { PushGateway } from './push-gateway.ts';

const PUSHER = { userId: '@alice:test', url: 'https://push.test/_matrix/push/v1/notify', pushkey: 'key' };

function gatewayThat(send: (request: OutboundRequest) => Promise<OutboundResponse>, allowsPrivate = false) {
  return new PushGateway({ send }, { allowsPrivate });
}

function answering(status: number, body: string, headers = {}) {
  return gatewayThat(async () => ({ status, headers, body: Buffer.from(body) }));
}

test.each([
  ['{"rejected":["key"]}', 'rejected'],
  ['{"rejected":["another"]}', 'taken'],
  ['{"rejected":"key"}', 'taken'],
  ['{}', 'taken'],
  ['not JSON', 'taken'],
  ['', 'taken'],
])('an answer of %s', async (body, kind) => {
  expect((await answering(200, body).notify(PUSHER, {})).kind).toBe(kind);
});

test.each([
  [400, true],
  [413, true],
  [301, false],
  [401, false],
  [404, false],
  [408, false],
  [429, false],
  [500, false],
  [503, false],
])('status %i is a failure, a refusal of the notification: %s', async (status, isRefusal) => {
  expect(await answering(status, '{}').notify(PUSHER, {})).toMatchObject({ kind: 'failed', isRefusal });
});

test.each([
  ['7', 7_000],
  ['soon', undefined],
  ['-1', undefined],
])('Retry-After: %s', async (value, retryAfterMs) => {
  const answer = await answering(429, '', { 'retry-after': value }).notify(PUSHER, {});
  expect(answer).toMatchObject({ kind: 'failed', retryAfterMs });
});

test('no more than a hundred requests are under way, and five of one user', async () => {
  const held: { url: string; release: () => void }[] = [];
  const answer = { status: 200, headers: {}, body: new Uint8Array() };
  const gateway = gatewayThat(
    ({ url }) => new Promise((resolve) => held.push({ url, release: () => resolve(answer) })),
  );
  const ask = (count: number, userId: (index: number) => string, url: string) =>
    Array.from({ length: count }, (_, index) => gateway.notify({ ...PUSHER, userId: userId(index), url }, {}));
  /** How many are held of either gateway; lets them go. */
  const takeHeld = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    const taken = held.splice(0);
    for (const { release } of taken) release();
    const ofSlow = taken.filter(({ url }) => url === 'slow').length;
    return [ofSlow, taken.length - ofSlow];
  };
  const answers = [...ask(12, () => '@slow:test', 'slow'), ...ask(120, (index) => `@user${index}:test`, 'usual')];
  expect(await takeHeld()).toEqual([5, 95]);
  expect(await takeHeld()).toEqual([5, 25]);
  expect(await takeHeld()).toEqual([2, 0]);
  expect(await Promise.all(answers)).toHaveLength(132);
});

test('who waits for a place is told that it was in vain when the server stops', async () => {
  const gateway = gatewayThat(
    ({ signal }) =>
      new Promise((_resolve, reject) => {
        const fail = () => reject(new OutboundFailure('aborted', 'The server stops'));
        if (signal?.aborted === true) fail();
        else signal?.addEventListener('abort', fail);
      }),
  );
  const answers = Array.from({ length: 8 }, () => gateway.notify(PUSHER, {}));
  gateway.stop();
  expect((await Promise.all(answers)).map(({ kind }) => kind)).toEqual(Array(8).fill('failed'));
});

test('where gateways may be is the configuration’s to say', async () => {
  const reaches: unknown[] = [];
  for (const allowsPrivate of [true, false]) {
    const send = async ({ reach }: OutboundRequest) => {
      reaches.push(reach);
      return { status: 200, headers: {}, body: new Uint8Array() };
    };
    await gatewayThat(send, allowsPrivate).notify(PUSHER, {});
  }
  expect(reaches).toEqual(['anywhere', 'public']);
});
