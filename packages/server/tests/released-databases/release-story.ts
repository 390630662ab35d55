import { ROOM_VERSION_IDS, type RoomVersionId } from '@limpet/protocol/room-version';
import type { Session } from '../../src/services/accounts/sessions.ts';
import { SyncingClient } from '../support/syncing-client.ts';
import type { TestServer } from '../support/test-server.ts';

/** What a release's database holds, as far as the test that opens it wants to know; kept beside the database. */
export interface ReleaseStory {
  /** The server's clock when it was closed, in milliseconds. */
  readonly closedAtMs: number;
  readonly alice: Session;
  readonly bob: Session;
  readonly rooms: readonly RoomStory[];
  /** Where Bob's client had come to before the last events. */
  readonly bobSince: string;
}

export interface RoomStory {
  readonly version: RoomVersionId;
  readonly roomId: string;
  /** In the order they were sent; all of them unexpired when the database was closed, and unseen by Bob's client. */
  readonly stickyIds: readonly string[];
  readonly messageIds: readonly string[];
  readonly redactedId: string;
}

const STICKY = '?org.matrix.msc4354.sticky_duration_ms=3600000';

/** One room of each version, with two users, state, messages, a redaction, a receipt and what sticks. */
export async function playReleaseStory(server: TestServer, closedAtMs: number): Promise<ReleaseStory> {
  const alice = await server.createUser('alice', { isAdmin: true });
  const bob = await server.createUser('bob');
  const opened: { version: RoomVersionId; roomId: string; redactedId: string }[] = [];
  for (const version of ROOM_VERSION_IDS) {
    const creation = { preset: 'public_chat', room_version: version, name: `Version ${version}`, topic: 'What stays' };
    const token = alice.accessToken;
    const made = await server.ok('POST', '/_matrix/client/v3/createRoom', { token, body: creation });
    const roomId = String(made.room_id);
    await server.ok('POST', `/_matrix/client/v3/join/${encodeURIComponent(roomId)}`, {
      token: bob.accessToken,
      body: {},
    });
    const redactedId = await send(server, { session: alice, roomId, key: 'redacted' });
    const redaction = `redact/${encodeURIComponent(redactedId)}/r`;
    await server.ok('PUT', `${pathOf(roomId)}/${redaction}`, { token, body: { reason: 'a slip' } });
    const receipt = `receipt/m.read/${encodeURIComponent(redactedId)}`;
    await server.ok('POST', `${pathOf(roomId)}/${receipt}`, { token: bob.accessToken, body: {} });
    opened.push({ version, roomId, redactedId });
  }
  const client = new SyncingClient(server, bob);
  await client.sync();
  const rooms: RoomStory[] = [];
  for (const { version, roomId, redactedId } of opened) {
    const stickyIds: string[] = [];
    const messageIds: string[] = [];
    for (const key of ['a', 'b', 'c']) {
      stickyIds.push(await send(server, { session: alice, roomId, key: `sticky-${key}`, query: STICKY }));
    }
    for (let count = 0; count < 12; count += 1) {
      messageIds.push(await send(server, { session: alice, roomId, key: `message-${count}` }));
    }
    rooms.push({ version, roomId, stickyIds, messageIds, redactedId });
  }
  return { closedAtMs, alice, bob, rooms, bobSince: String(client.since) };
}

interface Sent {
  readonly session: Session;
  readonly roomId: string;
  readonly key: string;
  readonly query?: string;
}

async function send(server: TestServer, { session, roomId, key, query = '' }: Sent): Promise<string> {
  const path = `${pathOf(roomId)}/send/m.room.message/${key}${query}`;
  const body = { msgtype: 'm.text', body: key, msc4354_sticky_key: key };
  return String((await server.ok('PUT', path, { token: session.accessToken, body })).event_id);
}

function pathOf(roomId: string): string {
  return `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}`;
}
