/** For tests: random rooms whose events are all allowed in the state they were made in, and states to resolve. */
import fc from 'fast-check';
import { selectAuthEvents } from '../../authorization/auth-event-selection.ts';
import { authorizeEvent } from '../../authorization/authorize-event.ts';
import type { JsonObject } from '../../json.ts';
import { contentOf, type Pdu, stateMapKey } from '../../pdu.ts';
import type { RoomVersion } from '../../room-version.ts';
import type { StateSet } from '../event-map.ts';
import { resolveState } from '../resolve-state.ts';
import { readStoryEvent, storyEventId } from './story.ts';

export interface GrownRoom {
  readonly version: RoomVersion;
  readonly events: ReadonlyMap<string, Pdu>;
  /** The state after each event, in the order the events were made. */
  readonly statesAfter: readonly StateSet[];
}

interface Step {
  readonly deed: (typeof DEEDS)[number];
  readonly actor: number;
  readonly target: number;
  readonly level: number;
  readonly time: number;
  /** How far back the events lie that this one comes after: 0 is the newest. */
  readonly after: readonly number[];
}

const USERS = ['@alice', '@bob', '@carol', '@dave'] as const;
const DEEDS = ['join', 'leave', 'invite', 'kick', 'ban', 'power', 'power', 'rules', 'topic', 'name'] as const;
const LEVELS = [0, 50, 50, 100, 100] as const;

const step: fc.Arbitrary<Step> = fc.record({
  deed: fc.constantFrom(...DEEDS),
  actor: fc.nat(USERS.length - 1),
  target: fc.nat(USERS.length - 1),
  level: fc.constantFrom(...LEVELS),
  time: fc.nat(12),
  after: fc.array(fc.nat(6), { minLength: 1, maxLength: 2 }),
});

/** A room of that version, and two to four states of it, of which some were told with one entry from before. */
export function roomsToResolve(version: RoomVersion): fc.Arbitrary<{ room: GrownRoom; stateSets: StateSet[] }> {
  const told = fc.record({ back: fc.nat(12), stale: fc.boolean(), slot: fc.nat(7), older: fc.nat(20) });
  return fc
    .record({
      steps: fc.array(step, { minLength: 6, maxLength: 40 }),
      told: fc.array(told, { minLength: 2, maxLength: 4 }),
    })
    .map(({ steps, told }) => {
      const room = growRoom(version, steps);
      const stateSets = told.map(({ back, stale, slot, older }) => {
        const state = atBack(room.statesAfter, back);
        return stale ? withOlderEntry(state, room, { slot, older }) : state;
      });
      return { room, stateSets };
    });
}

function growRoom(version: RoomVersion, steps: readonly Step[]): GrownRoom {
  const events = new Map<string, Pdu>();
  const statesAfter: StateSet[] = [];
  const made: Pdu[] = [];
  const add = (step: Step | undefined, sketch: Sketch) => {
    const after = step?.after ?? [0];
    const prev = made.length === 0 ? [] : [...new Set(after.map((back) => atBack(made, back)))];
    const states = prev.map(
      ({ eventId }) => statesAfter[made.findIndex((one) => one.eventId === eventId)] ?? new Map(),
    );
    const before = resolveState({ version, stateSets: states, events });
    if (!before.resolved) throw new Error(before.reason);
    const stateBefore = new Map([...before.state].map(([key, eventId]) => [key, known(events, eventId)]));
    const id = `e${String(made.length).padStart(2, '0')}`;
    const bare = { ...sketch, id: made.length === 0 ? 'create' : id, auth: [], time: step?.time ?? 0 };
    const event = {
      ...readStoryEvent(bare, made.length, version),
      prevEvents: prev.map(({ eventId }) => eventId),
      depth: Math.max(0, ...prev.map(({ depth }) => depth)) + 1,
    };
    const authEvents = selectAuthEvents(event, stateBefore, version).map(({ eventId }) => eventId);
    if (!authorizeEvent(event, stateBefore, version).allowed) return;
    const key = stateMapKey(event.type, event.stateKey ?? '');
    events.set(event.eventId, { ...event, authEvents });
    made.push({ ...event, authEvents });
    statesAfter.push(new Map([...before.state, [key, event.eventId]]));
  };
  for (const sketch of beginning(version)) add(undefined, sketch);
  for (const step of steps) add(step, sketchOf(step, statesAfter.at(-1) ?? new Map(), { version, events }));
  return { version, events, statesAfter };
}

interface Sketch {
  readonly sender: string;
  readonly type: string;
  readonly key: string;
  readonly content: JsonObject;
}

function beginning({ id, privilegesCreators }: RoomVersion): Sketch[] {
  const sender = '@alice';
  const users: JsonObject = privilegesCreators ? { '@bob': 100 } : { '@alice': 100, '@bob': 50 };
  return [
    { sender, type: 'm.room.create', key: '', content: { room_version: id, creator: sender } },
    { sender, type: 'm.room.member', key: sender, content: { membership: 'join' } },
    { sender, type: 'm.room.power_levels', key: '', content: { users } },
    { sender, type: 'm.room.join_rules', key: '', content: { join_rule: 'public' } },
    { sender: '@bob', type: 'm.room.member', key: '@bob', content: { membership: 'join' } },
    { sender: '@carol', type: 'm.room.member', key: '@carol', content: { membership: 'join' } },
  ];
}

function sketchOf(
  { deed, actor, target, level, time }: Step,
  state: StateSet,
  { version, events }: { version: RoomVersion; events: ReadonlyMap<string, Pdu> },
): Sketch {
  const sender = USERS[actor] ?? '@alice';
  const other = USERS[target] ?? '@bob';
  const member = (key: string, membership: string) => ({ sender, type: 'm.room.member', key, content: { membership } });
  const setting = (type: string, content: JsonObject) => ({ sender, type, key: '', content });
  if (deed === 'join' || deed === 'leave') return member(sender, deed);
  if (deed === 'invite' || deed === 'ban') return member(other, deed);
  if (deed === 'kick') return member(other, 'leave');
  if (deed === 'rules') return setting('m.room.join_rules', { join_rule: level === 0 ? 'public' : 'invite' });
  if (deed === 'topic') return setting('m.room.topic', { topic: `${sender} ${time}` });
  if (deed === 'name') return setting('m.room.name', { name: `${sender} ${time}` });
  const current = state.get(stateMapKey('m.room.power_levels', ''));
  const users = contentOf(current === undefined ? undefined : events.get(current), 'users') as JsonObject;
  const isCreator = version.privilegesCreators && other === '@alice';
  const changed = isCreator ? {} : { [`${other}:example.org`]: level };
  return setting('m.room.power_levels', { users: { ...users, ...changed } });
}

/** The state with one entry replaced by an event that stood there before, as a faulty server may tell it. */
function withOlderEntry(state: StateSet, { events }: GrownRoom, told: { slot: number; older: number }): StateSet {
  const [key] = atBack([...state], told.slot);
  const candidates = [...events.values()].filter((one) => stateMapKey(one.type, one.stateKey ?? '') === key);
  return new Map([...state, [key, atBack(candidates, told.older).eventId]]);
}

function atBack<Item>(items: readonly Item[], back: number): Item {
  const item = items[items.length - 1 - (back % items.length)];
  if (item === undefined) throw new Error('The room has no events.');
  return item;
}

function known(events: ReadonlyMap<string, Pdu>, eventId: string): Pdu {
  const event = events.get(eventId);
  if (event === undefined) throw new Error(`The room has no event ${eventId}.`);
  return event;
}

/** Events of nothing but an ID and auth events, by the names that the edges give them. */
export function graphOf(edges: Readonly<Record<string, readonly string[]>>, version: RoomVersion): Map<string, Pdu> {
  const sketch = { sender: '@alice', type: 'org.example.node', content: {} };
  const events = Object.entries(edges).map(([id, auth], index) =>
    readStoryEvent({ ...sketch, id, key: id, auth }, index, version),
  );
  return new Map(events.map((event) => [event.eventId, event]));
}

export function idsOf(...names: string[]): string[] {
  return names.map(storyEventId);
}
