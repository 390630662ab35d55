import { expect, test } from 'vitest';
import type { OutboundRequest, OutboundResponse } from '../../platform/outbound-http.ts';
import { PushGateway } from './push-gateway.ts';

const PUSHER = { url: 'https://push.test/_matrix/push/v1/notify', pushkey: 'key' };

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

test('no more than a hundred requests are under way', async () => {
  const held: (() => void)[] = [];
  const answer = { status: 200, headers: {}, body: new Uint8Array() };
  const gateway = gatewayThat(() => new Promise((resolve) => held.push(() => resolve(answer))));
  const answers = Array.from({ length: 150 }, () => gateway.notify(PUSHER, {}));
  await new Promise((resolve) => setImmediate(resolve));
  expect(held).toHaveLength(100);
  for (const release of held.splice(0)) release();
  await new Promise((resolve) => setImmediate(resolve));
  expect(held).toHaveLength(50);
  for (const release of held.splice(0)) release();
  expect(await Promise.all(answers)).toHaveLength(150);
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
