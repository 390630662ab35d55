import type { ConnectionState, StateChange, ToldRoom } from './connection-state.ts';
import type { RoomRule } from './sliding-request.ts';

/** Subscriptions kept for a client that sends each once; beyond that the oldest end. */
const MAX_KEPT_SUBSCRIPTIONS = 500;

/** Rooms that a connection remembers; beyond that those count as never told that left its windows first. */
const MAX_TOLD_ROOMS = 20_000;

/**
 * Longest rules of state that a connection remembers, each text once, in characters: twice what one request may have.
 * The same for subscriptions that are kept.
 */
const MAX_KEPT_RULES_LENGTH = 65_536;

/** The next version of a connection, as it comes about while a request is answered. */
export class ConnectionDraft {
  readonly #base: ConnectionState;
  readonly #maxRooms: number;
  readonly #rooms = new Map<number, ToldRoom | undefined>();
  #subscriptions: ReadonlyMap<string, RoomRule> | undefined;
  /** Instead of those that are kept. */
  #given: ReadonlyMap<string, RoomRule> | undefined;
  #extensions: readonly string[] | undefined;
  #generation: number | undefined;
  /** Extensions that the request before had not enabled: they have told nothing yet. */
  newlyEnabled: ReadonlySet<string> = new Set();

  constructor(base: ConnectionState, maxRooms = MAX_TOLD_ROOMS) {
    this.#base = base;
    this.#maxRooms = maxRooms;
  }

  /** `undefined` when nothing changed: then the version stays. */
  get change(): StateChange | undefined {
    const isChanged =
      this.#rooms.size > 0 ||
      this.#subscriptions !== undefined ||
      this.#extensions !== undefined ||
      this.#generation !== undefined;
    if (!isChanged) return undefined;
    return {
      rooms: this.#rooms,
      subscriptions: this.#subscriptions,
      extensions: this.#extensions,
      generation: this.#generation,
    };
  }

  get subscriptions(): ReadonlyMap<string, RoomRule> {
    return this.#given ?? this.#subscriptions ?? this.#base.subscriptions;
  }

  get generation(): number {
    return this.#generation ?? this.#base.generation;
  }

  told(roomNid: number): ToldRoom | undefined {
    return this.#rooms.has(roomNid) ? this.#rooms.get(roomNid) : this.#base.rooms.get(roomNid);
  }

  *rooms(): Iterable<readonly [roomNid: number, told: ToldRoom]> {
    for (const entry of this.#base.rooms) if (!this.#rooms.has(entry[0])) yield entry;
    for (const [nid, told] of this.#rooms) if (told !== undefined) yield [nid, told];
  }

  tell(roomNid: number, told: ToldRoom): void {
    const known = this.told(roomNid);
    if (known !== undefined && isSame(known, told)) return;
    this.#rooms.set(roomNid, told);
  }

  forget(roomNid: number): void {
    if (this.#base.rooms.has(roomNid)) this.#rooms.set(roomNid, undefined);
    else this.#rooms.delete(roomNid);
  }

  /** Rooms in the windows stay whatever their number is: else they would be told again with each answer. */
  forgetBeyondLimit(): void {
    this.#forgetRulesBeyondLimit();
    if (this.#base.rooms.size + this.#rooms.size <= this.#maxRooms) return;
    const rooms = [...this.rooms()];
    const away = rooms.filter(([, told]) => told.upTo !== undefined);
    const reach = ([, { upTo }]: readonly [number, ToldRoom]) => Math.max(...(upTo?.values() ?? []));
    away.sort((one, other) => reach(one) - reach(other));
    for (const [nid] of away.slice(0, Math.max(0, rooms.length - this.#maxRooms))) this.forget(nid);
  }

  /** Who asks for something else with each request is told the state of his rooms anew once in a while. */
  #forgetRulesBeyondLimit(): void {
    if (this.#rooms.size === 0) return;
    const rooms = [...this.rooms()];
    const lists = new Set(rooms.map(([, { stateRules }]) => stateRules));
    if (new RulesLength().add([...lists].flat()) <= MAX_KEPT_RULES_LENGTH) return;
    for (const [nid, told] of rooms) this.tell(nid, { ...told, stateRules: [] });
  }

  /** For clients that send a subscription once: what was subscribed to before goes on until it is ended. */
  subscribe(added: ReadonlyMap<string, RoomRule>, ended: readonly string[]): void {
    if (added.size === 0 && ended.length === 0) return;
    const next = new Map(this.subscriptions);
    for (const roomId of ended) next.delete(roomId);
    for (const [roomId, rule] of added) {
      next.delete(roomId);
      next.set(roomId, rule);
    }
    for (const roomId of next.keys()) {
      if (next.size <= MAX_KEPT_SUBSCRIPTIONS) break;
      next.delete(roomId);
    }
    // The newest stay.
    const length = new RulesLength();
    for (const [roomId, { stateRule }] of [...next].reverse()) {
      if (length.add([stateRule]) > MAX_KEPT_RULES_LENGTH) next.delete(roomId);
    }
    this.#subscriptions = next;
  }

  /** For clients that send all their subscriptions with each request. They are not kept. */
  replaceSubscriptions(all: ReadonlyMap<string, RoomRule>): void {
    this.#given = all;
  }

  /** What extensions told of rooms counts no longer when one is enabled that was not. */
  enable(extensions: readonly string[]): void {
    const known = this.#extensions ?? this.#base.extensions;
    if (extensions.length === known.length && extensions.every((name) => known.includes(name))) return;
    this.#extensions = extensions;
    this.newlyEnabled = new Set(extensions.filter((name) => !known.includes(name)));
    if (this.newlyEnabled.size > 0) this.#generation = this.generation + 1;
  }
}

/** How long rules are together; what is said twice counts once. */
class RulesLength {
  readonly #rules = new Set<string>();
  #length = 0;

  add(rules: readonly string[]): number {
    for (const rule of rules) {
      if (!this.#rules.has(rule)) this.#length += rule.length;
      this.#rules.add(rule);
    }
    return this.#length;
  }
}

function isSame(one: ToldRoom, other: ToldRoom): boolean {
  return (
    one.upTo === other.upTo &&
    one.timelineLimit === other.timelineLimit &&
    one.isStripped === other.isStripped &&
    one.isDirect === other.isDirect &&
    one.generation === other.generation &&
    one.stateRules.length === other.stateRules.length &&
    one.stateRules.every((rule, index) => rule === other.stateRules[index])
  );
}
