import type { JsonObject } from '@limpet/protocol/json';
import { OutboundFailure, type OutboundHttp, type OutboundRequest } from '../../src/platform/outbound-http.ts';

export const GATEWAY_URL = 'https://push.test/_matrix/push/v1/notify';

interface GatewayReply {
  readonly status?: number;
  readonly body?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A push gateway in this process, which remembers what it was told. */
export class FakeGateway {
  readonly requests: OutboundRequest[] = [];
  /** What it answers, `undefined` for not at all. */
  reply: (notification: JsonObject) => GatewayReply | undefined = () => ({});
  /** What happens before it answers the next request. */
  meanwhile: () => Promise<unknown> = async () => {};
  readonly outboundHttp: OutboundHttp = {
    send: async (request) => {
      this.requests.push(request);
      const { notification } = JSON.parse(String(request.body)) as { notification: JsonObject };
      const { meanwhile } = this;
      this.meanwhile = async () => {};
      await meanwhile();
      const reply = this.reply(notification);
      if (reply === undefined) throw new OutboundFailure('timeout', 'push.test took too long');
      const { status = 200, body = { rejected: [] }, headers = {} } = reply;
      return { status, headers, body: Buffer.from(JSON.stringify(body)) };
    },
  };

  /** What it was told since it was last asked. */
  take(): JsonObject[] {
    return this.requests.splice(0).map(({ body }) => JSON.parse(String(body)).notification as JsonObject);
  }

  /** The events among that. */
  takeEvents(): unknown[] {
    return this.take().flatMap(({ event_id }) => (event_id === undefined ? [] : [event_id]));
  }
}

/** A pusher as an application sets it. */
export function pusherTo(pushkey: string, more: JsonObject = {}): JsonObject {
  const data = { url: GATEWAY_URL, ...(more.data as JsonObject | undefined) };
  return {
    pushkey,
    kind: 'http',
    app_id: 'test.app',
    app_display_name: 'App',
    device_display_name: 'Phone',
    lang: 'en',
    ...more,
    data,
  };
}
