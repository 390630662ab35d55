import { authorizeEvent } from '@limpet/protocol/authorization/authorize-event';
import type { BuiltEvent } from '@limpet/protocol/build-event';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { contentOf, type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import { type Refusal, refused } from '@limpet/protocol/verdict';
import type { Platform } from '../../../platform/platform.ts';
import type { RemoteServers } from '../../remote-servers/remote-servers.ts';
import type { ReceivedEvent } from '../received-event.ts';
import type { RoomEntry } from '../room-receiver.ts';
import { isOneState, missingAuthEvents, withCompleteChains } from './complete-chains.ts';
import { arrayIn, fetchEvents } from './fetch-events.ts';
import { verifyMany } from './verify-many.ts';

/** Auth events that an answer may lack, to be fetched one by one. */
const MAX_FETCHED_AUTH_EVENTS = 200;
/** How often what was fetched may itself lack something. */
const MAX_FETCH_ROUNDS = 5;

export interface JoinAnswerParts {
  readonly remote: RemoteServers;
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'log'>;
}

export interface SubmittedJoin {
  readonly serverName: string;
  readonly roomId: string;
  readonly version: RoomVersion;
  /** As it was handed in. */
  readonly event: BuiltEvent;
}

export type ReadJoinAnswer = { readonly allowed: true; readonly entry: RoomEntry } | Refusal;

/**
 * The answer to `send_join`, as far as it can be trusted: events whose signatures are right and whose auth chains are
 * whole, of this room, in a state that lets the join in. What an answer lacks of the auth chains is fetched.
 * Specification: server-server API, "Joining Rooms" and "Checks performed on receipt of a PDU".
 */
export async function readJoinAnswer(
  answer: JsonObject,
  join: SubmittedJoin,
  parts: JoinAnswerParts,
): Promise<ReadJoinAnswer> {
  const { version, roomId } = join;
  const event = await joinOf(answer, join, parts);
  if (event === undefined) return refused('It holds another event than the join.');
  const stateIds = await verifyInto(new Map(), arrayIn(answer, 'state'), join, parts);
  const all = await verifyInto(new Map(stateIds), arrayIn(answer, 'auth_chain'), join, parts);
  const stray = [...all.values()].find(({ pdu }) => pdu.roomId !== roomId);
  if (stray !== undefined) return refused('It holds events of another room.');
  all.set(event.pdu.eventId, event);
  await fetchMissing(all, join, parts);
  const complete = withCompleteChains(all, isNeverKnown);
  if (!complete.delete(event.pdu.eventId)) return refused('It lacks events of the auth chain of the join.');
  const state = [...stateIds.keys()].flatMap((eventId) => complete.get(eventId) ?? []);
  for (const one of state) complete.delete(one.pdu.eventId);
  if (state.length < stateIds.size) noteLeftOut(stateIds.size - state.length, join, parts);
  const refusal = checkState(state, event.pdu, version);
  if (refusal !== undefined) return refusal;
  return { allowed: true, entry: { roomId, version, event, state, authChain: [...complete.values()] } };
}

/**
 * The join as the resident server sends it to the others: with its signature where it let a newcomer in. Nothing but
 * signatures may be new in it, so its ID has to be the one that we handed in.
 */
async function joinOf(
  answer: JsonObject,
  { event, version }: SubmittedJoin,
  { remote, platform }: JoinAnswerParts,
): Promise<ReceivedEvent | undefined> {
  const receivedTs = platform.clock.nowMs();
  if (!isJsonObject(answer.event)) return { ...event, receivedTs };
  const verification = { version, keys: remote.keys, receivedTs };
  const [countersigned] = (await verifyMany([answer.event], verification, platform.timers)).events;
  return countersigned?.pdu.eventId === event.pdu.eventId ? countersigned : undefined;
}

async function verifyInto(
  events: Map<string, ReceivedEvent>,
  objects: readonly JsonValue[],
  { version, serverName, roomId }: SubmittedJoin,
  { remote, platform }: JoinAnswerParts,
): Promise<Map<string, ReceivedEvent>> {
  const { clock, timers, log } = platform;
  const verification = { version, keys: remote.keys, receivedTs: clock.nowMs() };
  const verified = await verifyMany(objects, verification, timers);
  if (verified.refused > 0) {
    const { refused: count, firstReason } = verified;
    log.warn('Events of a room that is being joined were refused', { roomId, serverName, count, firstReason });
  }
  for (const event of verified.events) if (!events.has(event.pdu.eventId)) events.set(event.pdu.eventId, event);
  return events;
}

async function fetchMissing(
  all: Map<string, ReceivedEvent>,
  join: SubmittedJoin,
  parts: JoinAnswerParts,
): Promise<void> {
  let left = MAX_FETCHED_AUTH_EVENTS;
  for (let round = 1; round <= MAX_FETCH_ROUNDS && left > 0; round++) {
    const missing = missingAuthEvents(all, isNeverKnown).slice(0, left);
    if (missing.length === 0) return;
    left -= missing.length;
    const objects = await fetchEvents(parts.remote, join.serverName, missing);
    const wanted = new Set(missing);
    const fetched = await verifyInto(new Map(), objects, join, parts);
    for (const [eventId, event] of fetched) {
      if (wanted.has(eventId) && event.pdu.roomId === join.roomId) all.set(eventId, event);
    }
  }
}

function isNeverKnown(): boolean {
  return false;
}

function checkState(state: readonly ReceivedEvent[], join: Pdu, version: RoomVersion): Refusal | undefined {
  if (!isOneState(state)) return refused('What it gives as the state is none: two events are for one slot.');
  const map = new Map(state.map(({ pdu }) => [stateMapKey(pdu.type, pdu.stateKey ?? ''), pdu]));
  const create = map.get(stateMapKey('m.room.create', ''));
  if (create === undefined) return refused('The state has no m.room.create event that can be trusted.');
  if ((contentOf(create, 'room_version') ?? '1') !== version.id) return refused('The room is of another version.');
  const verdict = authorizeEvent(join, map, version);
  return verdict.allowed ? undefined : refused(`The state does not let the join in: ${verdict.reason}`);
}

function noteLeftOut(count: number, { roomId, serverName }: SubmittedJoin, { platform }: JoinAnswerParts): void {
  platform.log.warn('State of a room that is being joined lacks its auth events', { roomId, serverName, count });
}
