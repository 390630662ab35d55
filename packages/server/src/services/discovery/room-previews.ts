import { serverNameOf } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { ExpiringMap } from '../accounts/expiring-map.ts';
import { RemoteServerError, type RemoteServers } from '../remote-servers/remote-servers.ts';
import type { EventStore } from '../rooms/event-store.ts';
import { askServers, otherServers } from '../rooms/joining/ask-servers.ts';
import type { Membership, MembershipReader } from '../rooms/membership-reader.ts';
import { MAX_ALLOWED_ROOMS } from '../rooms/restricted-joins.ts';
import type { RoomServers } from '../rooms/room-servers.ts';
import type { RoomStateReader } from '../rooms/room-state.ts';
import { isOpen, type RoomSummaries, type RoomSummary } from '../rooms/room-summaries.ts';
import { presentSpaceLink, readSpaceLinks } from '../rooms/space-links.ts';
import { readRemoteLinks, readRemoteRoom, roomIdsIn, viaOf } from './remote-rooms.ts';

/** Servers that are asked of one room that nobody here is in. */
const MAX_SERVERS_ASKED = 3;
const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 2_097_152;
/** How long what another server told of a room is good enough, and how much of it is kept, in characters of JSON. */
const REMEMBERED_MS = 300_000;
const MAX_REMEMBERED = 20_000_000;
/** Rooms that one answer of another server tells of besides the one that was asked for. */
const MAX_CHILDREN = 200;

/** A room as those see it who may come to know of it. */
export interface RoomPreview {
  /** A `RoomSummary` of the specification. */
  readonly summary: JsonObject;
  /** The `m.space.child` events of a space, in its order, as stripped state with `origin_server_ts`. */
  readonly links: readonly JsonObject[];
}

export interface PreviewQuery {
  readonly roomId: string;
  /** Servers that may know the room. */
  readonly via: readonly string[];
  /** `undefined` for who is not logged in, for whom no other server is asked. */
  readonly userId: string | undefined;
  readonly suggestedOnly: boolean;
}

export interface RoomPreviewsParts {
  readonly platform: Platform;
  readonly serverName: string;
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly memberships: MembershipReader;
  readonly summaries: RoomSummaries;
  readonly roomServers: RoomServers;
  readonly remote: RemoteServers;
}

/** What one server told: of the room itself, and of rooms in it that may not be reached otherwise. */
interface RemoteAnswer {
  readonly room: RoomPreview;
  /** By `childKey`. */
  readonly children: ReadonlyMap<string, JsonObject>;
}

/** Shows rooms to users who are not in them: from here where somebody here is in the room, else over other servers. */
export class RoomPreviews {
  readonly #parts: RoomPreviewsParts;
  /**
   * By room, and by the servers that it was looked for through: whoever names a server of his own is told what that
   * makes up, and nobody else is.
   */
  readonly #remembered: ExpiringMap<RemoteAnswer>;
  /** What was told of rooms by the way, when a space around them was asked for; the keys are alike. */
  readonly #children: ExpiringMap<JsonObject>;

  constructor(parts: RoomPreviewsParts) {
    this.#parts = parts;
    const { clock } = parts.platform;
    const kept = { clock, lifetimeMs: REMEMBERED_MS, maxEntries: MAX_REMEMBERED };
    this.#remembered = new ExpiringMap({
      ...kept,
      weightOf: ({ room, children }) => JSON.stringify([room, ...children.values()]).length,
    });
    this.#children = new ExpiringMap({ ...kept, weightOf: (summary) => JSON.stringify(summary).length });
  }

  /** `undefined` for a room that this user may not know of, or of which nobody tells. */
  async of(query: PreviewQuery): Promise<RoomPreview | undefined> {
    const here = await this.#summaryHere(query.roomId);
    if (here !== undefined) return this.#previewHere(here, query);
    if (query.userId === undefined) return undefined;
    const preview = await this.#previewElsewhere(query);
    return preview !== undefined && (await this.#mayKnow(preview.summary, query.userId)) ? preview : undefined;
  }

  /** The user's membership of a room, as far as it is known here. */
  async membershipOf(roomId: string, userId: string): Promise<Membership | undefined> {
    const { events, memberships } = this.#parts;
    const room = await events.room(roomId);
    return room === undefined ? undefined : (await memberships.of(room, userId))?.membership;
  }

  async #summaryHere(roomId: string): Promise<RoomSummary | undefined> {
    const room = await this.#parts.events.room(roomId);
    const summary = room === undefined ? undefined : await this.#parts.summaries.of(room);
    // What nobody here is in may be long out of date.
    return summary?.isResident === true ? summary : undefined;
  }

  async #previewHere(summary: RoomSummary, query: PreviewQuery): Promise<RoomPreview | undefined> {
    const { summaries, state } = this.#parts;
    const whole = await summaries.presentWhole(summary);
    if (query.userId === undefined ? !isOpen(summary) : !(await this.#mayKnow(whole, query.userId))) return undefined;
    const links = await readSpaceLinks(state, summary, query.suggestedOnly);
    return { summary: whole, links: links.map(presentSpaceLink) };
  }

  /** Who may join or read the room, ask to join it, is invited, or is in a room whose members may join. */
  async #mayKnow(summary: JsonObject, userId: string): Promise<boolean> {
    const membership = await this.membershipOf(String(summary.room_id), userId);
    if (membership === 'ban') return false;
    const joinRule = String(summary.join_rule ?? 'public');
    if (membership === 'join' || membership === 'invite') return true;
    if (isOpen({ isWorldReadable: summary.world_readable === true, joinRule })) return true;
    for (const roomId of roomIdsIn(summary.allowed_room_ids).slice(0, MAX_ALLOWED_ROOMS)) {
      if ((await this.membershipOf(roomId, userId)) === 'join') return true;
    }
    return false;
  }

  async #previewElsewhere({ roomId, via, suggestedOnly }: PreviewQuery): Promise<RoomPreview | undefined> {
    const key = JSON.stringify([suggestedOnly, roomId, via]);
    const known = this.#remembered.get(key);
    if (known !== undefined) return known.room;
    const answer = await this.#ask(roomId, via, suggestedOnly);
    if (answer !== undefined) {
      this.#remembered.set(key, answer);
      for (const [child, summary] of answer.children) this.#children.set(child, summary);
      return answer.room;
    }
    const summary = this.#children.get(childKey(roomId, via));
    return summary && { summary, links: [] };
  }

  /** Specification: server-server API, `GET /hierarchy/{roomId}`. `undefined` where nobody says. */
  async #ask(roomId: string, via: readonly string[], suggestedOnly: boolean): Promise<RemoteAnswer | undefined> {
    const { platform, remote, serverName, events, roomServers } = this.#parts;
    const room = await events.room(roomId);
    const known = room === undefined ? [] : await roomServers.in(room);
    const servers = otherServers([...via, serverNameOf(roomId), ...known], serverName);
    const { clock, log } = platform;
    try {
      return await askServers(
        servers,
        async (destination) => {
          const answer = await remote.request(destination, {
            method: 'GET',
            path: `/_matrix/federation/v1/hierarchy/${encodeURIComponent(roomId)}`,
            query: { suggested_only: String(suggestedOnly) },
            timeoutMs: TIMEOUT_MS,
            maxBytes: MAX_ANSWER_BYTES,
          });
          return readAnswer(answer, roomId, destination);
        },
        { clock, log, purpose: 'preview', roomId, maxServers: MAX_SERVERS_ASKED },
      );
    } catch (error) {
      if (error instanceof MatrixError) return undefined;
      throw error;
    }
  }
}

function readAnswer(answer: JsonValue, roomId: string, destination: string): RemoteAnswer {
  const body = isJsonObject(answer) ? answer : {};
  const summary = readRemoteRoom(body.room);
  if (summary === undefined || summary.room_id !== roomId) {
    throw new RemoteServerError(destination, 'bad-answer', 'It tells of another room than was asked for.');
  }
  const links = readRemoteLinks(isJsonObject(body.room) ? body.room.children_state : undefined);
  const viaOfChild = new Map(links.map((link) => [link.state_key, viaOf(link.content)]));
  const children = new Map<string, JsonObject>();
  for (const one of Array.isArray(body.children) ? body.children.slice(0, MAX_CHILDREN) : []) {
    const child = readRemoteRoom(one);
    const via = child === undefined ? undefined : viaOfChild.get(child.room_id);
    if (child !== undefined && via !== undefined) children.set(childKey(String(child.room_id), via), child);
  }
  return { room: { summary, links }, children };
}

function childKey(roomId: string, via: readonly string[]): string {
  return JSON.stringify([roomId, via]);
}
