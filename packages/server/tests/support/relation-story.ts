import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import type { Session } from '../../src/services/accounts/sessions.ts';
import { createManualWorld } from './manual-world.ts';
import { SyncStory } from './sync-story.ts';
import { createTestServer, type TestResponse } from './test-server.ts';

/** A server, its users, and how what they send relates to what was sent before. */
export class RelationStory extends SyncStory {
  static override async begin(config: Readonly<Record<string, unknown>> = {}): Promise<RelationStory> {
    const world = createManualWorld();
    return new RelationStory(world, await createTestServer({ world, config }));
  }

  /** An event that relates to another; its event ID. */
  relate(session: Session, roomId: string, to: string, relation: JsonObject, type = 'm.room.message'): Promise<string> {
    return this.send(session, roomId, type, relatedContent(to, relation));
  }

  inThread(session: Session, roomId: string, root: string, body = 'in the thread'): Promise<string> {
    return this.say(session, roomId, body, { 'm.relates_to': { rel_type: 'm.thread', event_id: root } });
  }

  edit(session: Session, roomId: string, original: string, body: string): Promise<string> {
    const replacement = { 'm.new_content': { msgtype: 'm.text', body } };
    return this.say(session, roomId, `* ${body}`, { ...replacement, ...relatedContent(original, 'm.replace') });
  }

  react(session: Session, roomId: string, to: string, key: string): Promise<string> {
    return this.relate(session, roomId, to, { rel_type: 'm.annotation', key }, 'm.reaction');
  }

  async redact(session: Session, roomId: string, eventId: string): Promise<void> {
    const path = `/rooms/${encodeURIComponent(roomId)}/redact/${encodeURIComponent(eventId)}/r${Math.random()}`;
    await this.do(session, 'PUT', path, {});
  }

  /** Asks below `/_matrix/client/v1/rooms/{roomId}`. */
  get(session: Session, roomId: string, path: string, version = 'v1'): Promise<TestResponse> {
    const url = `/_matrix/client/${version}/rooms/${encodeURIComponent(roomId)}${path}`;
    return this.server.request('GET', url, { token: session.accessToken });
  }

  async children(session: Session, roomId: string, eventId: string, rest = ''): Promise<JsonValue[]> {
    const { status, body, text } = await this.get(session, roomId, `/relations/${encodeURIComponent(eventId)}${rest}`);
    if (status !== 200) throw new Error(`/relations answered ${status}: ${text}`);
    return (body.chunk as JsonObject[]).map((event) => event.event_id ?? null);
  }

  /** What is bundled with an event, as `/event` gives it. */
  async bundled(session: Session, roomId: string, eventId: string): Promise<JsonValue | undefined> {
    const path = `/rooms/${encodeURIComponent(roomId)}/event/${encodeURIComponent(eventId)}`;
    return relationsOf(await this.do(session, 'GET', path));
  }
}

export function relationsOf(event: JsonObject | undefined): JsonValue | undefined {
  return (event?.unsigned as JsonObject | undefined)?.['m.relations'];
}

function relatedContent(to: string, relation: JsonObject | string): JsonObject {
  const rest = typeof relation === 'string' ? { rel_type: relation } : relation;
  return { 'm.relates_to': { event_id: to, ...rest } };
}
