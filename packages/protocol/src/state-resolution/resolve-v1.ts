import { createHash } from 'node:crypto';
import { authorizeEvent } from '../authorization/authorize-event.ts';
import { POWER_LEVELS_KEY } from '../authorization/room-state.ts';
import { type Pdu, type StateMap, stateMapKey } from '../pdu.ts';
import { eventIdsAt, keysOf } from './conflicted-state.ts';
import { knownEvent, type StateSet } from './event-map.ts';
import { keysThatAuthorize } from './iterative-auth-checks.ts';
import type { ResolutionContext } from './resolution-context.ts';

/**
 * State resolution of room version 1. Only different events at one key conflict: a key that some state sets lack does
 * not, and is kept.
 *
 * Passes: power levels, join rules, memberships, everything else. Within a pass every key is decided against what stood
 * when the pass began, so that the order of keys does not matter (the text leaves that open).
 *
 * Every event in conflict, and what the state sets have at `keysThatAuthorize` of it, must be in `context.events`.
 * Specification: room version 1, "State resolution".
 */
export function resolveV1(stateSets: readonly StateSet[], context: ResolutionContext): Map<string, string> {
  const { agreed: resolved, conflicts } = separateConflicts(stateSets);
  for (const pass of PASSES) {
    const decided = new Map<string, string>();
    for (const [key, eventIds] of conflicts) {
      if (passOf(key) !== pass) continue;
      const byDepth = highestDepthFirst(eventIds, context);
      const decide = pass === 'other' ? firstAllowed : lastOfAllowedChain;
      decided.set(key, decide(byDepth, resolved, context));
    }
    for (const [key, eventId] of decided) resolved.set(key, eventId);
  }
  return resolved;
}

/** What version 1 takes as agreed, and the keys in conflict with their events. */
export function separateConflicts(stateSets: readonly StateSet[]) {
  const agreed = new Map<string, string>();
  const conflicts = new Map<string, ReadonlySet<string>>();
  for (const key of keysOf(stateSets)) {
    const eventIds = eventIdsAt(stateSets, key);
    const [first] = eventIds;
    if (eventIds.size === 1 && first !== undefined) agreed.set(key, first);
    else conflicts.set(key, eventIds);
  }
  return { agreed, conflicts };
}

const PASSES = ['power levels', 'join rules', 'memberships', 'other'] as const;

function passOf(key: string): (typeof PASSES)[number] {
  if (key === POWER_LEVELS_KEY) return 'power levels';
  if (key.startsWith(stateMapKey('m.room.join_rules', ''))) return 'join rules';
  if (key.startsWith(stateMapKey('m.room.member', ''))) return 'memberships';
  return 'other';
}

/** Descending `depth`, then ascending SHA-1 of the event ID. */
function highestDepthFirst(eventIds: Iterable<string>, { events }: ResolutionContext): Pdu[] {
  const hashed = Array.from(eventIds, (eventId) => ({
    event: knownEvent(events, eventId),
    hash: createHash('sha1').update(eventId).digest('hex'),
  }));
  hashed.sort((left, right) => right.event.depth - left.event.depth || (left.hash < right.hash ? -1 : 1));
  return hashed.map(({ event }) => event);
}

/**
 * From the lowest depth up: the first event stands, and each further one takes its place as long as it is allowed with
 * the one before in place. The first that is not ends it.
 */
function lastOfAllowedChain(byDepth: readonly Pdu[], resolved: StateSet, context: ResolutionContext): string {
  const ascending = byDepth.toReversed();
  let standing: Pdu | undefined;
  for (const event of ascending) {
    if (standing !== undefined && !isAllowed(event, resolved, { ...context, standing })) break;
    standing = event;
  }
  return eventIdOf(standing);
}

/** The event of highest depth that is allowed; where none is, the one of lowest depth. */
function firstAllowed(byDepth: readonly Pdu[], resolved: StateSet, context: ResolutionContext): string {
  return eventIdOf(byDepth.find((event) => isAllowed(event, resolved, context)) ?? byDepth.at(-1));
}

function eventIdOf(event: Pdu | undefined): string {
  if (event === undefined) throw new Error('A conflict of no events reached state resolution v1.');
  return event.eventId;
}

/** `standing` is the event of the same key that holds for the moment. */
function isAllowed(event: Pdu, resolved: StateSet, context: ResolutionContext & { standing?: Pdu }): boolean {
  const state = new Map<string, Pdu>();
  for (const key of keysThatAuthorize(event, context)) {
    const eventId = resolved.get(key);
    if (eventId !== undefined) state.set(key, knownEvent(context.events, eventId));
  }
  const { standing } = context;
  if (standing?.stateKey !== undefined) state.set(stateMapKey(standing.type, standing.stateKey), standing);
  return authorizeEvent(event, state satisfies StateMap, context.version).allowed;
}
