import type { StateChange, ToldRoom } from './connection-state.ts';
import type { RoomRule } from './sliding-request.ts';

/** Short, since there is one for each version: a room takes some 25 characters. */
interface ChangeJson {
  /** Rules of state, which the others mean by their number. */
  readonly rules: readonly string[];
  readonly rooms: readonly RoomJson[];
  readonly gone: readonly number[];
  readonly subscriptions?: readonly (readonly [roomId: string, timelineLimit: number, rule: number])[];
  readonly extensions?: readonly string[];
  readonly generation?: number;
}

type RoomJson = readonly [
  nid: number,
  flags: number,
  timelineLimit: number,
  generation: number,
  rules: readonly number[],
  upTo?: readonly (readonly [writer: number, position: number])[],
];

const STRIPPED = 1;
const DIRECT = 2;

/** A change of a connection as it is kept. */
export function formatStateChange(change: StateChange): string {
  const rules = new Map<string, number>();
  const numberOf = (rule: string): number => {
    const number = rules.get(rule) ?? rules.size;
    rules.set(rule, number);
    return number;
  };
  const rooms: RoomJson[] = [];
  const gone: number[] = [];
  for (const [nid, told] of change.rooms) {
    if (told === undefined) gone.push(nid);
    else rooms.push(roomJson(nid, told, numberOf));
  }
  const subscriptions =
    change.subscriptions &&
    [...change.subscriptions].map(([roomId, rule]) => [roomId, rule.timelineLimit, numberOf(rule.stateRule)] as const);
  const json: ChangeJson = {
    rules: [...rules.keys()],
    rooms,
    gone,
    ...(subscriptions && { subscriptions }),
    ...(change.extensions && { extensions: change.extensions }),
    ...(change.generation !== undefined && { generation: change.generation }),
  };
  return JSON.stringify(json);
}

function roomJson(nid: number, told: ToldRoom, numberOf: (rule: string) => number): RoomJson {
  const flags = (told.isStripped ? STRIPPED : 0) + (told.isDirect ? DIRECT : 0);
  const room = [nid, flags, told.timelineLimit, told.generation, told.stateRules.map(numberOf)] as const;
  return told.upTo === undefined ? room : [...room, [...told.upTo]];
}

/** Reads what `formatStateChange` wrote. */
export function readStateChange(text: string): StateChange {
  const json = JSON.parse(text) as ChangeJson;
  const rule = (number: number) => json.rules[number] ?? '';
  const rooms = new Map<number, ToldRoom | undefined>();
  for (const nid of json.gone) rooms.set(nid, undefined);
  // Rooms of the same rules share one list of them: there may be thousands.
  const lists = new Map<string, readonly string[]>();
  for (const [nid, flags, timelineLimit, generation, numbers, upTo] of json.rooms) {
    const key = numbers.join();
    const stateRules = lists.get(key) ?? numbers.map(rule);
    lists.set(key, stateRules);
    rooms.set(nid, {
      upTo: upTo && new Map(upTo),
      timelineLimit,
      stateRules,
      isStripped: (flags & STRIPPED) !== 0,
      isDirect: (flags & DIRECT) !== 0,
      generation,
    });
  }
  const subscriptions = json.subscriptions?.map(([roomId, timelineLimit, number]): [string, RoomRule] => [
    roomId,
    { timelineLimit, stateRule: rule(number) },
  ]);
  return {
    rooms,
    subscriptions: subscriptions && new Map(subscriptions),
    extensions: json.extensions,
    generation: json.generation,
  };
}
