/** A room in memory for the tests of the authorization rules: events as short values, and the number of each rule. */
import { expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../json.ts';
import { type Pdu, type StateMap, stateMapKey } from '../../pdu.ts';
import { findRoomVersion, ROOM_VERSION_IDS, type RoomVersion } from '../../room-version.ts';
import type { Verdict } from '../../verdict.ts';
import { type AuthorizationOptions, authorizeEvent } from '../authorize-event.ts';

export const ALICE = '@alice:home.test'; // created the room
export const BOB = '@bob:home.test';
export const CAROL = '@carol:away.test';
export const ROOM_ID = '!room:home.test';

export const ALL_VERSIONS: readonly RoomVersion[] = ROOM_VERSION_IDS.map((id) => roomVersion(id));

export function roomVersion(id: string): RoomVersion {
  const version = findRoomVersion(id);
  if (version === undefined) throw new Error(`No room version ${id}`);
  return version;
}

export interface EventSketch {
  readonly type: string;
  readonly sender?: string;
  readonly stateKey?: string;
  readonly content?: JsonObject;
  readonly eventId?: string;
  readonly roomId?: string;
  readonly prevEvents?: readonly string[];
  readonly authEvents?: readonly string[];
  readonly redacts?: string;
  readonly json?: JsonObject;
}

/** The sketch as an event of that room version; what it leaves out is ordinary. */
export function sketched(sketch: EventSketch, version: RoomVersion): Pdu {
  const { type, sender = ALICE, content = {} } = sketch;
  const isCreate = type === 'm.room.create';
  const roomId = sketch.roomId ?? (version.roomIdIsCreateHash ? '!create' : ROOM_ID);
  const shownRoomId: JsonObject = isCreate && version.roomIdIsCreateHash ? {} : { room_id: roomId };
  return {
    eventId: sketch.eventId ?? `$${type}-${sketch.stateKey ?? ''}${version.eventIdIsHash ? '' : ':home.test'}`,
    roomId,
    sender,
    type,
    stateKey: sketch.stateKey,
    content,
    originServerTs: 0,
    depth: 1,
    prevEvents: sketch.prevEvents ?? (isCreate ? [] : ['$before']),
    authEvents: sketch.authEvents ?? [],
    redacts: sketch.redacts,
    json: { ...shownRoomId, type, sender, content, ...sketch.json },
  };
}

export function create(content: JsonObject = {}): EventSketch {
  return { type: 'm.room.create', stateKey: '', eventId: '$create', content: { creator: ALICE, ...content } };
}

export function member(userId: string, membership: JsonValue, more: Partial<EventSketch> = {}): EventSketch {
  const content = { membership, ...more.content };
  return { type: 'm.room.member', stateKey: userId, sender: userId, ...more, content };
}

export function powerLevels(content: JsonObject, sender = ALICE): EventSketch {
  return { type: 'm.room.power_levels', stateKey: '', sender, content };
}

export function joinRules(joinRule: JsonValue): EventSketch {
  return { type: 'm.room.join_rules', stateKey: '', content: { join_rule: joinRule } };
}

export function message(sender: string, more: Partial<EventSketch> = {}): EventSketch {
  return { type: 'm.room.message', sender, content: { body: 'hello' }, ...more };
}

export function stateOf(sketches: readonly EventSketch[], version: RoomVersion): StateMap {
  const events = sketches.map((sketch) => sketched(sketch, version));
  return new Map(events.map((event) => [stateMapKey(event.type, event.stateKey ?? ''), event]));
}

/** One decision of one rule. */
export interface RuleCase {
  /** The number of the rule that decides; from `ruleOf` where it differs between versions. */
  readonly rule: string | ((version: RoomVersion) => string);
  readonly story: string;
  /** Room versions that have the rule; all where left out. */
  readonly when?: (version: RoomVersion) => boolean;
  /** State besides the create event and Alice's membership; what stands later takes the place of what stands before. */
  readonly state?: readonly EventSketch[];
  readonly event: EventSketch;
  /** The reason for refusing; the event is allowed where it is left out. */
  readonly refused?: RegExp;
  readonly options?: AuthorizationOptions;
}

/** A test for each case in each room version that has it. */
export function testRules(cases: readonly RuleCase[]): void {
  for (const version of ALL_VERSIONS) {
    for (const { rule, story, when, state = [], event, refused, options } of cases) {
      if (when !== undefined && !when(version)) continue;
      const number = typeof rule === 'string' ? rule : rule(version);
      test(`v${version.id} rule ${number} ${refused === undefined ? 'allows' : 'refuses'}: ${story}`, () => {
        const wholeState = stateOf([create(), member(ALICE, 'join'), ...state], version);
        expectVerdict(authorizeEvent(sketched(event, version), wholeState, version, options), refused);
      });
    }
  }
}

export function expectVerdict(verdict: Verdict, refused: RegExp | undefined): void {
  if (refused === undefined) expect(verdict).toEqual({ allowed: true });
  else expect(verdict).toEqual({ allowed: false, reason: expect.stringMatching(refused) });
}

/**
 * The number that a room version gives to a rule of room version 12. Rules shift: versions 1 to 5 have one for aliases
 * and version 12 one for the room ID.
 */
export function ruleOf(section: number, rest = ''): (version: RoomVersion) => string {
  return (version) => {
    const shift = version.treatsAliasesSpecially || version.roomIdIsCreateHash ? 0 : -1;
    return `${section + shift}${rest}`;
  };
}

const MEMBERSHIPS = ['join', 'invite', 'leave', 'ban', 'knock', 'unknown'];

/** The number of a rule about one membership: versions before 8 lack 5.2, versions before 7 lack `knock`. */
export function memberRule(membership: string, rest = ''): (version: RoomVersion) => string {
  return (version) => {
    const known = MEMBERSHIPS.filter((name) => name !== 'knock' || version.allowsKnocking);
    const first = version.allowsRestrictedJoins ? 3 : 2;
    return ruleOf(5, `.${first + known.indexOf(membership)}${rest}`)(version);
  };
}
