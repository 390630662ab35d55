import { selectStateChanges } from '../../storage/queries/sync.ts';
import type { RoomEvent, RoomRecord } from '../rooms/room-event.ts';
import { readMemberChanges, wasJoinedBefore } from './member-changes.ts';
import type { StateQuery } from './state-query.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';
import { ToldMembers } from './told-members.ts';

/**
 * Lazy loading of members: which member events a client needs to show what it gets, less what it was told before.
 * Specification: client-server API, "Lazy-loading room members".
 */
export class LazyMembers {
  readonly #told = new ToldMembers();

  /**
   * The member events of the timeline's senders, of the room's heroes and, at first sight of the room, of the user: as
   * they are where the state section stands, at the timeline's start or, with MSC4222, at its end.
   */
  async membersFor(query: StateQuery, state: readonly RoomEvent[], sources: SyncSources): Promise<RoomEvent[]> {
    const { request, room, range, isWhole } = query;
    const key = toldKey(request, room);
    const given = new Set<string>();
    for (const event of state) if (event.pdu.type === 'm.room.member') given.add(event.pdu.stateKey ?? '');
    const members: RoomEvent[] = [];
    for (const userId of [...wantedMembers(query), ...(await changedMembers(query, sources))]) {
      if (given.has(userId)) continue;
      const isKnown = !isWhole && this.#told.has(key, userId, range.since);
      if (isKnown && !request.filter.room.state.includeRedundantMembers) continue;
      given.add(userId);
      const member = await memberAt(query, userId, sources);
      if (member !== undefined) members.push(member);
    }
    const tellsNow = [...given, ...membersIn(query.timeline)];
    this.#told.tell(key, tellsNow, { range, isAnew: isWhole });
    return members;
  }
}

/** Whose member events the client needs. Who speaks for the first time by his own member event is told by that. */
function wantedMembers({ request, timeline, isWhole, heroes }: StateQuery): Set<string> {
  const wanted = new Set(heroes);
  if (isWhole) wanted.add(request.userId);
  const isAtStart = request.stateAfterName === undefined;
  const introduced = new Set<string>();
  for (const { pdu } of timeline) {
    if (isAtStart && pdu.type === 'm.room.member' && !wanted.has(pdu.stateKey ?? ''))
      introduced.add(pdu.stateKey ?? '');
    if (!introduced.has(pdu.sender)) wanted.add(pdu.sender);
  }
  return wanted;
}

/**
 * Who changed since the token, where the whole state is given to a client that knows the room already: a whole one of
 * these rooms (all is asked for, or the user left and came back) leaves the other members out.
 */
async function changedMembers({ request, room, range, isWhole }: StateQuery, sources: SyncSources): Promise<string[]> {
  if (!isWhole || range.since === undefined) return [];
  const changes = await readMemberChanges(room.nid, range, sources);
  if (!(await wasJoinedBefore(changes, request.userId, sources))) return [];
  return changes.map((change) => change.state_key);
}

function membersIn(timeline: readonly RoomEvent[]): string[] {
  return timeline.flatMap(({ pdu }) => (pdu.type === 'm.room.member' ? [pdu.stateKey ?? ''] : []));
}

/** The member event where the state section stands: mostly the present one, else what was there before it changed. */
async function memberAt(query: StateQuery, userId: string, sources: SyncSources): Promise<RoomEvent | undefined> {
  const { request, room, range, timeline } = query;
  const present = await sources.state.current(room, 'm.room.member', userId);
  if (present?.place === undefined) return present;
  const { writer, position } = present.place;
  const end = range.upTo.get(writer) ?? 0;
  const start = timeline[0]?.place;
  const upTo = request.stateAfterName === undefined && start?.writer === writer ? start.position - 1 : end;
  if (position <= upTo) return present;
  const stretch = { roomNid: room.nid, writer, after: upTo, upTo: position };
  const changes = await sources.storage.read(selectStateChanges, stretch);
  const next = changes.find((change) => change.type === 'm.room.member' && change.state_key === userId);
  const nid = next?.previous_nid ?? undefined;
  return nid === undefined ? undefined : (await sources.events.byNids([nid])).get(nid);
}

/** None of the parts can hold a space but the device's ID, which is in the middle. */
function toldKey({ userId, deviceId }: SyncRequest, room: RoomRecord): string {
  return `${userId} ${deviceId} ${room.nid}`;
}
