/**
 * For tests: reads a story, which is a room's events and states in compact notation, into what `resolveState` takes.
 * In a story `@alice` stands for `@alice:example.org` and the event ID `topic` for `$topic:example.org`; in versions
 * whose room ID is the hash of the create event, that is `!create:example.org`. `time` and `depth` are the place in the
 * list where they are not given, `prev` is the event before.
 */
import type { JsonObject, JsonValue } from '../../json.ts';
import { isJsonObject } from '../../json.ts';
import { type Pdu, stateMapKey } from '../../pdu.ts';
import { findRoomVersion, type RoomVersion } from '../../room-version.ts';

export interface StoryFile {
  /** Two lines: what happens, and what comes of it by which rule. */
  readonly story: readonly string[];
  readonly roomVersion: string;
  readonly events: readonly StoryEvent[];
  /** Whose state it is, to the event IDs in it. */
  readonly stateSets: Readonly<Record<string, readonly string[]>>;
  /** The algorithm to the event IDs in the resolved state. */
  readonly expected: Readonly<Partial<Record<RoomVersion['stateResolution'], readonly string[]>>>;
}

export interface StoryEvent {
  readonly id: string;
  readonly sender: string;
  readonly type: string;
  readonly key: string;
  readonly content: JsonObject;
  readonly auth: readonly string[];
  readonly time?: number;
  readonly depth?: number;
  readonly prev?: readonly string[];
}

export interface Story {
  readonly version: RoomVersion;
  readonly events: ReadonlyMap<string, Pdu>;
  readonly stateSets: readonly ReadonlyMap<string, string>[];
}

export function readStory(file: StoryFile): Story {
  const version = roomVersion(file.roomVersion);
  const events = new Map<string, Pdu>();
  for (const [index, event] of file.events.entries()) {
    const before = file.events.slice(0, index).at(-1);
    events.set(storyEventId(event.id), readStoryEvent({ prev: before ? [before.id] : [], ...event }, index, version));
  }
  return { version, events, stateSets: Object.values(file.stateSets).map((ids) => stateOf(ids, events)) };
}

/** The state that these events of the story make up. */
export function stateOf(ids: readonly string[], events: ReadonlyMap<string, Pdu>): ReadonlyMap<string, string> {
  const state = new Map<string, string>();
  for (const id of ids) {
    const event = events.get(storyEventId(id));
    if (event?.stateKey === undefined) throw new Error(`The story has no state event ${id}.`);
    const key = stateMapKey(event.type, event.stateKey);
    if (state.has(key)) throw new Error(`The state of the story has two events where ${id} stands.`);
    state.set(key, event.eventId);
  }
  return state;
}

/** The events of a state, as the story calls them, sorted. */
export function storyIds(state: ReadonlyMap<string, string>): string[] {
  return [...state.values()].map((eventId) => eventId.replace('$', '').replace(':example.org', '')).sort();
}

export function storyEventId(id: string): string {
  return `$${id}:example.org`;
}

export function roomVersion(id: string): RoomVersion {
  const version = findRoomVersion(id);
  if (version === undefined) throw new Error(`There is no room version ${id}.`);
  return version;
}

export function readStoryEvent(event: StoryEvent, index: number, version: RoomVersion): Pdu {
  const content = expand(event.content);
  if (!isJsonObject(content)) throw new Error(`The content of ${event.id} is not an object.`);
  const roomId = version.roomIdIsCreateHash ? '!create:example.org' : '!room:example.org';
  const hasRoomId = !(version.roomIdIsCreateHash && event.type === 'm.room.create');
  const signatures = { 'example.org': { 'ed25519:1': 'not checked here' } };
  return {
    eventId: storyEventId(event.id),
    roomId,
    sender: expandUserId(event.sender),
    type: event.type,
    stateKey: expandUserId(event.key),
    content,
    originServerTs: event.time ?? index,
    depth: event.depth ?? index + 1,
    prevEvents: (event.prev ?? []).map(storyEventId),
    authEvents: event.auth.map(storyEventId),
    redacts: undefined,
    json: hasRoomId ? { room_id: roomId, signatures } : { signatures },
  };
}

function expand(value: JsonValue): JsonValue {
  if (typeof value === 'string') return expandUserId(value);
  if (Array.isArray(value)) return value.map(expand);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [expandUserId(key), expand(inner)]));
}

function expandUserId(text: string): string {
  return /^@[a-z0-9]+$/.test(text) ? `${text}:example.org` : text;
}
