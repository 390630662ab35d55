import type { JsonObject } from '@limpet/protocol/json';
import type { InteropUser } from './interop-user.ts';
import type { StoryWorld } from './story.ts';
import { objectOf } from './sync-view.ts';

/** What users do in rooms, over the client API. All throw Refusal. */

export async function createRoom(user: InteropUser, { roomVersion }: StoryWorld, more: JsonObject = {}) {
  const body = { preset: 'public_chat', room_version: roomVersion, ...more };
  return String((await user.v3('POST', '/createRoom', body)).room_id);
}

export async function join(user: InteropUser, room: string, via: StoryWorld['home']): Promise<string> {
  const query = `via=${via.serverName}&server_name=${via.serverName}`;
  return String((await user.v3('POST', `/join/${encodeURIComponent(room)}?${query}`, {})).room_id);
}

export async function knock(user: InteropUser, room: string, via: StoryWorld['home']): Promise<void> {
  const query = `via=${via.serverName}&server_name=${via.serverName}`;
  await user.v3('POST', `/knock/${encodeURIComponent(room)}?${query}`, {});
}

export type MembershipAction = 'invite' | 'kick' | 'ban' | 'unban';

export async function act(user: InteropUser, action: MembershipAction, roomId: string, target: InteropUser) {
  await user.v3('POST', roomPath(roomId, action), { user_id: target.userId });
}

export async function leave(user: InteropUser, roomId: string): Promise<void> {
  await user.v3('POST', roomPath(roomId, 'leave'), {});
}

/** A message's event ID. */
export function say(user: InteropUser, roomId: string, body: string): Promise<string> {
  return send(user, roomId, { type: 'm.room.message', content: { msgtype: 'm.text', body } });
}

export async function send(
  user: InteropUser,
  roomId: string,
  { type, content, stickyMs }: { type: string; content: JsonObject; stickyMs?: number },
): Promise<string> {
  const query = stickyMs === undefined ? '' : `?org.matrix.msc4354.sticky_duration_ms=${stickyMs}`;
  const path = `${roomPath(roomId, 'send')}/${type}/${user.transactionId()}${query}`;
  return String((await user.v3('PUT', path, content)).event_id);
}

/** A sticky event of the story, told apart by its key. */
export function stick(user: InteropUser, roomId: string, key: string): Promise<string> {
  const content = { msc4354_sticky_key: key, of: 'the interop test' };
  return send(user, roomId, { type: 'org.example.sticky', content, stickyMs: 600_000 });
}

export async function setState(user: InteropUser, roomId: string, type: string, content: JsonObject): Promise<string> {
  return String((await user.v3('PUT', `${roomPath(roomId, 'state')}/${type}/`, content)).event_id);
}

export function stateContent(user: InteropUser, roomId: string, type: string, stateKey = ''): Promise<JsonObject> {
  return user.v3('GET', `${roomPath(roomId, 'state')}/${type}/${encodeURIComponent(stateKey)}`);
}

/** Event IDs of the room's state by type and state key, as lines in order: what two servers must agree on. */
export async function stateLines(user: InteropUser, roomId: string): Promise<string> {
  const events = (await user.v3('GET', roomPath(roomId, 'state'))) as unknown as JsonObject[];
  return events
    .map(({ type, state_key, event_id }) => `${type}|${state_key} ${event_id}`)
    .sort()
    .join('\n');
}

/** Waits until both servers have the same state of the room. */
export async function agree(one: InteropUser, other: InteropUser, roomId: string, maxMs?: number): Promise<void> {
  let lines: readonly string[] = [];
  try {
    await one.eventually(
      'the state of the other server',
      async () => {
        lines = await Promise.all([one, other].map((user) => stateLines(user, roomId)));
        return lines[0] === lines[1];
      },
      maxMs,
    );
  } catch (error) {
    throw new Error(`The servers do not agree on the state:\n${difference(lines)}`, { cause: error });
  }
}

function difference([one = '', other = '']: readonly string[]): string {
  const [first, second] = [one, other].map((text) => text.split('\n'));
  return [
    ...(first ?? []).filter((line) => second?.includes(line) !== true).map((line) => `one:   ${line}`),
    ...(second ?? []).filter((line) => first?.includes(line) !== true).map((line) => `other: ${line}`),
  ].join('\n');
}

export async function redact(user: InteropUser, roomId: string, eventId: string): Promise<string> {
  const path = `${roomPath(roomId, 'redact')}/${encodeURIComponent(eventId)}/${user.transactionId()}`;
  return String((await user.v3('PUT', path, { reason: 'for the test' })).event_id);
}

export function getEvent(user: InteropUser, roomId: string, eventId: string): Promise<JsonObject> {
  return user.v3('GET', `${roomPath(roomId, 'event')}/${encodeURIComponent(eventId)}`);
}

/** Bodies of all messages that walking back from the end of the room finds, oldest first. */
export async function history(user: InteropUser, roomId: string): Promise<string[]> {
  const bodies: string[] = [];
  let from: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = new URLSearchParams({ dir: 'b', limit: '20', ...(from === undefined ? {} : { from }) });
    const { chunk, end } = await user.v3('GET', `${roomPath(roomId, 'messages')}?${query}`);
    for (const event of chunk as JsonObject[]) {
      const { body } = objectOf(event.content);
      if (event.type === 'm.room.message' && typeof body === 'string') bodies.unshift(body);
    }
    if (typeof end !== 'string') break;
    from = end;
  }
  return bodies;
}

const MAX_PAGES = 100;

/** Waits until the user's client has this event, in whichever section. */
export function sees(user: InteropUser, roomId: string, eventId: string, maxMs?: number): Promise<JsonObject> {
  return user.until(`the event ${eventId}`, (view) => view.event(roomId, eventId), maxMs);
}

/** A public room of the home's user that the away's user has joined, with both clients up to date. */
export async function sharedRoom(world: StoryWorld, more: JsonObject = {}) {
  const owner = await world.user(world.home, 'owner');
  const guest = await world.user(world.away, 'guest');
  const roomId = await createRoom(owner, world, more);
  await join(guest, roomId, world.home);
  await owner.until('the guest joins', (view) => view.membership(roomId, guest.userId) === 'join');
  await guest.until('the room after the join', (view) => view.isJoined(roomId));
  return { owner, guest, roomId };
}

/** Gives a user a power level; creators of rooms of version 12 stand above all. */
export async function empower(owner: InteropUser, roomId: string, user: InteropUser, level: number): Promise<string> {
  const content = await stateContent(owner, roomId, 'm.room.power_levels');
  const users = { ...objectOf(content.users), [user.userId]: level };
  return setState(owner, roomId, 'm.room.power_levels', { ...content, users });
}

export function roomPath(roomId: string, rest: string): string {
  return `/rooms/${encodeURIComponent(roomId)}/${rest}`;
}
