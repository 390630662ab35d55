import type { JsonObject } from '@limpet/protocol/json';
import { expect } from 'vitest';
import type { Session } from '../../src/services/accounts/sessions.ts';
import { SyncStory } from './sync-story.ts';
import type { Method, TestResponse } from './test-server.ts';

export const STABLE = '/_matrix/client/v1';
export const UNSTABLE = '/_matrix/client/unstable/org.matrix.msc4140';

/** A server whose time stands still, and what clients do with delayed events. */
export class DelayedStory {
  readonly story: SyncStory;
  #transactions = 0;

  private constructor(story: SyncStory) {
    this.story = story;
  }

  static async begin(config: Readonly<Record<string, unknown>> = {}): Promise<DelayedStory> {
    return new DelayedStory(await SyncStory.begin(config));
  }

  ask(session: Session | undefined, method: Method, path: string, body?: JsonObject): Promise<TestResponse> {
    const request = { token: session?.accessToken, ...(body === undefined ? {} : { body }) };
    return this.story.server.request(method, path, request);
  }

  /** By the query parameter, as clients of today do it; the delay ID. */
  async byQuery(session: Session, roomId: string, delayMs: number, content: JsonObject = {}): Promise<string> {
    this.#transactions += 1;
    const path = `/_matrix/client/v3/rooms/${roomId}/send/m.test/q${this.#transactions}`;
    return idIn(await this.ask(session, 'PUT', `${path}?org.matrix.msc4140.delay=${delayMs}`, content));
  }

  async stateByQuery(session: Session, roomId: string, delayMs: number, content: JsonObject = {}): Promise<string> {
    const path = `/_matrix/client/v3/rooms/${roomId}/state/m.test/${encodeURIComponent(session.userId)}`;
    return idIn(await this.ask(session, 'PUT', `${path}?org.matrix.msc4140.delay=${delayMs}`, content));
  }

  /** By the endpoint of the proposal. */
  async schedule(session: Session, roomId: string, body: JsonObject, type = 'm.test'): Promise<string> {
    this.#transactions += 1;
    const path = `/_matrix/client/v3/rooms/${roomId}/delayed_event/${type}/d${this.#transactions}`;
    return idIn(await this.ask(session, 'PUT', path, { content: {}, ...body }));
  }

  act(session: Session | undefined, delayId: string, action: string, prefix = UNSTABLE): Promise<TestResponse> {
    return this.ask(session, 'POST', `${prefix}/delayed_events/${delayId}/${action}`, {});
  }

  async look(session: Session, delayId: string): Promise<JsonObject> {
    const { status, body, text } = await this.ask(session, 'GET', `${STABLE}/delayed_events/${delayId}`);
    if (status !== 200) throw new Error(`The look-up answered ${status}: ${text}`);
    return body;
  }

  /** Moves time, and lets everything that is due come to rest. */
  async pass(ms: number): Promise<void> {
    this.story.world.advance(ms);
    await this.story.settle();
  }

  /** The newest events of the room, newest first, as this user sees them. */
  async timeline(session: Session, roomId: string, type = 'm.test'): Promise<JsonObject[]> {
    const filter = encodeURIComponent(JSON.stringify({ types: [type] }));
    const path = `/rooms/${roomId}/messages?dir=b&limit=100&filter=${filter}`;
    return (await this.story.do(session, 'GET', path)).chunk as JsonObject[];
  }

  async bodies(session: Session, roomId: string): Promise<unknown[]> {
    return (await this.timeline(session, roomId)).map((event) => (event.content as JsonObject).body);
  }
}

function idIn({ status, body, text }: TestResponse): string {
  expect(`${status} ${text}`).toMatch(/^200/);
  expect(body.delay_id).toMatch(/^[\w-]{22}$/);
  return String(body.delay_id);
}
