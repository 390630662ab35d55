import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { RoomVersion } from '@limpet/protocol/room-version';
import type { MemberProfile } from '../accounts/profiles.ts';
import { defaultPowerLevels } from './default-power-levels.ts';
import type { NewEvent } from './event-maker.ts';
import { memberContent, memberEvent } from './membership-changes.ts';
import { aliasesIn } from './sending.ts';

const ROOM_PRESETS = ['private_chat', 'public_chat', 'trusted_private_chat'] as const;

export type RoomPreset = (typeof ROOM_PRESETS)[number];

/** What a client says of the room it wants. Specification: client-server API, `POST /createRoom`. */
export interface CreateRoomRequest {
  readonly creator: string;
  readonly isListed: boolean;
  readonly preset: RoomPreset | undefined;
  /** Local part of the alias. */
  readonly roomAliasName: string | undefined;
  readonly name: string | undefined;
  readonly topic: string | undefined;
  readonly invite: readonly string[];
  readonly isDirect: boolean;
  readonly roomVersion: string | undefined;
  readonly creationContent: JsonObject;
  readonly initialState: readonly { readonly type: string; readonly stateKey: string; readonly content: JsonObject }[];
  readonly powerLevelContentOverride: JsonObject;
}

/** The request with all that had to be looked up for it. */
export interface RoomPlan {
  readonly request: CreateRoomRequest;
  readonly version: RoomVersion;
  /** The whole alias, where one was asked for. */
  readonly alias: string | undefined;
  /** Of the creator and of the invited. */
  readonly profiles: ReadonlyMap<string, MemberProfile>;
  /** Who is invited, each once: users of this server, and of others. */
  readonly invites: { readonly here: readonly string[]; readonly elsewhere: readonly string[] };
}

/** The create event. `creator` and `room_version` are ours to say. */
export function createEventOf({ request, version }: RoomPlan): NewEvent {
  const { creator: _creator, room_version: _version, ...asked } = request.creationContent;
  const content: JsonObject = { ...asked, room_version: version.id };
  if (!version.creatorIsSender) content.creator = request.creator;
  if (version.privilegesCreators && request.preset === 'trusted_private_chat') {
    const named = asked.additional_creators ?? [];
    // What is no list is left for the rules to refuse.
    content.additional_creators = Array.isArray(named) ? union(named, request.invite) : named;
  }
  return { sender: request.creator, type: 'm.room.create', stateKey: '', content };
}

/** All that follows the create event, in the order that the specification gives. */
export function eventsAfterCreate(plan: RoomPlan): NewEvent[] {
  const { request, version, alias, profiles } = plan;
  const { creator, invite, isDirect } = request;
  const state = (type: string, content: JsonObject, stateKey = ''): NewEvent => {
    return { sender: creator, type, stateKey, content };
  };
  const trusted = request.preset === 'trusted_private_chat' ? invite : [];
  const powerLevels = { ...defaultPowerLevels([creator, ...trusted], version), ...request.powerLevelContentOverride };
  const events = [
    memberEvent(creator, creator, memberContent('join', { profile: profiles.get(creator) })), // 2
    state('m.room.power_levels', powerLevels), // 3
  ];
  if (alias !== undefined) events.push(state('m.room.canonical_alias', { alias })); // 4
  events.push(...presetState(request, state)); // 5
  for (const { type, stateKey, content } of request.initialState) {
    checkInitialState(type, content, alias);
    events.push(state(type, content, stateKey)); // 6
  }
  // 7
  if (request.name !== undefined) events.push(state('m.room.name', { name: request.name }));
  if (request.topic !== undefined) events.push(state('m.room.topic', topicContent(request.topic)));
  // 8
  for (const userId of plan.invites.here) {
    const content = memberContent('invite', { profile: profiles.get(userId) });
    events.push(memberEvent(creator, userId, isDirect ? { ...content, is_direct: true } : content));
  }
  return events;
}

function presetState(
  { preset, isListed }: CreateRoomRequest,
  state: (type: string, content: JsonObject) => NewEvent,
): NewEvent[] {
  const isPublic = (preset ?? (isListed ? 'public_chat' : 'private_chat')) === 'public_chat';
  return [
    state('m.room.join_rules', { join_rule: isPublic ? 'public' : 'invite' }),
    state('m.room.history_visibility', { history_visibility: 'shared' }),
    state('m.room.guest_access', { guest_access: isPublic ? 'forbidden' : 'can_join' }),
  ];
}

/** Plain text in both places where clients look. Specification: `m.room.topic`. */
function topicContent(topic: string): JsonObject {
  return { topic, 'm.topic': { 'm.text': [{ body: topic, mimetype: 'text/plain' }] } };
}

/** Memberships are asked for by `invite`, and no alias but its own can lead to a room that is only being made. */
function checkInitialState(type: string, content: JsonObject, alias: string | undefined): void {
  if (type === 'm.room.create' || type === 'm.room.member') {
    throw new MatrixError('M_INVALID_ROOM_STATE', `initial_state cannot have an ${type} event.`);
  }
  const aliases = type === 'm.room.canonical_alias' ? aliasesIn(content) : [];
  for (const named of aliases) {
    if (named !== alias) throw new MatrixError('M_BAD_ALIAS', `The alias ${named} does not lead to this room.`);
  }
}

function union(named: readonly JsonValue[], invited: readonly string[]): JsonValue[] {
  return [...new Set([...named, ...invited])];
}
