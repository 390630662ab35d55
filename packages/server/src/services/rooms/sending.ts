import { powerLevelsOf } from '@limpet/protocol/authorization/power-levels';
import { asRoomAlias } from '@limpet/protocol/identifiers';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { stateEvent } from '@limpet/protocol/pdu';
import type { Clock } from '../../platform/clock.ts';
import type { Aliases } from './aliases.ts';
import type { NewEvent } from './event-maker.ts';
import type { EventStore } from './event-store.ts';
import type { InviteAttempt } from './joining/remote-invites.ts';
import type { LoadedRoom } from './loaded-room.ts';
import type { MembershipChanges } from './membership-changes.ts';
import type { RelationRules } from './relations/relation-rules.ts';
import type { RoomWriter } from './room-writer.ts';
import { ofFirst, type RecordTransaction, type SentTransactions, type TransactionKey } from './sent-transactions.ts';
import { hideUnknownRoom } from './unknown-room.ts';

/** Who sends, from where. Without a device or a transaction ID nothing is remembered. */
export interface Sender {
  readonly userId: string;
  readonly deviceId?: string | undefined;
  readonly transactionId?: string | undefined;
}

export interface EventToSend {
  readonly sender: Sender;
  readonly roomId: string;
  readonly type: string;
  readonly content: JsonObject;
  /** Further top-level fields, signed with the event, as the sticky one. */
  readonly extraTopLevel?: JsonObject | undefined;
  /** Further rows of the batch that has the event; for who sends without a transaction ID. */
  readonly alongside?: RecordTransaction | undefined;
}

export interface StateToSet extends EventToSend {
  readonly stateKey: string;
  /** For an invite of a user of another server, which `alongside` cannot be written with. */
  readonly attempt?: InviteAttempt | undefined;
}

export interface RedactionToSend {
  readonly sender: Sender;
  readonly roomId: string;
  readonly eventId: string;
  /** `reason`, and whatever else the client put there. */
  readonly content: JsonObject;
  /** The account is suspended: what others said is not for it to take back, whatever its power in the room. */
  readonly isOwnOnly?: boolean;
}

export interface SendingParts {
  readonly writer: RoomWriter;
  readonly transactions: SentTransactions;
  readonly relations: RelationRules;
  readonly events: EventStore;
  readonly aliases: Aliases;
  readonly memberships: MembershipChanges;
  readonly clock: Clock;
}

/** Aliases of one event that are looked up; a room hardly needs more names. */
const MAX_ALIASES_OF_EVENT = 50;

/** What no client may redact: the room would break for older servers. */
const NEVER_REDACTED: ReadonlySet<string> = new Set(['m.room.create', 'm.room.server_acl']);

/** Sends what clients send to rooms they are in; each answers with the event ID once it is on disk. */
export class Sending {
  readonly #parts: SendingParts;

  constructor(parts: SendingParts) {
    this.#parts = parts;
  }

  /** Specification: `PUT /rooms/{roomId}/send/{eventType}/{txnId}`. */
  sendEvent({ sender, roomId, type, content, extraTopLevel, alongside }: EventToSend): Promise<string> {
    const said = type === 'm.room.redaction' ? redactionSaid(content) : { content };
    const event = { sender: sender.userId, type, ...said, extraTopLevel };
    return this.#once(sender, `send/${roomId}/${type}`, (record) => this.#send(roomId, event, record ?? alongside));
  }

  /** Specification: `PUT /rooms/{roomId}/redact/{eventId}/{txnId}`. */
  redact({ sender, roomId, eventId, content, isOwnOnly = false }: RedactionToSend): Promise<string> {
    const event = { sender: sender.userId, type: 'm.room.redaction', content, redacts: eventId };
    return this.#once(sender, `redact/${roomId}/${eventId}`, async (record) => {
      if (isOwnOnly) await this.#checkOwn(sender.userId, eventId);
      return this.#send(roomId, event, record);
    });
  }

  /** Specification: `PUT /rooms/{roomId}/state/{eventType}/{stateKey}`. A membership goes the way of memberships. */
  async setState(state: StateToSet): Promise<string> {
    const { sender, roomId, type, stateKey, content, extraTopLevel, alongside, attempt } = state;
    if (type === 'm.room.member') {
      const request = { sender: sender.userId, roomId, target: stateKey, content, extraTopLevel, alongside, attempt };
      return this.#parts.memberships.setByState(request);
    }
    return this.#send(roomId, { sender: sender.userId, type, stateKey, content, extraTopLevel }, alongside);
  }

  async #send(roomId: string, event: NewEvent, record?: RecordTransaction): Promise<string> {
    if (event.type === 'm.room.create') {
      throw new MatrixError('M_FORBIDDEN', 'A room has the one m.room.create event that it was made with.');
    }
    const isAliases = event.type === 'm.room.canonical_alias' && event.stateKey === '';
    const found = isAliases ? await this.#resolveAliases(event.content) : new Map<JsonValue, string>();
    // Asked again, it checks again.
    let endCheck: (() => void) | undefined;
    const sent = this.#parts.writer.change(roomId, async (turn) => {
      const { room, loadMembers } = turn;
      if (event.redacts !== undefined) {
        await loadMembers(event.sender);
        await this.#checkRedaction(room, event, event.redacts);
      }
      if (isAliases) checkAliases(room, event, found);
      endCheck?.();
      endCheck = undefined;
      endCheck = await this.#parts.relations.check(event, turn);
      return {
        events: [event],
        alongside: ofFirst(record),
      };
    });
    const [written] = await hideUnknownRoom(sent, event.sender).finally(() => endCheck?.());
    if (written === undefined) throw new Error('A room took an event and gave none back');
    return written.pdu.eventId;
  }

  #once(sender: Sender, scope: string, send: (record?: RecordTransaction) => Promise<string>): Promise<string> {
    const { userId, deviceId, transactionId } = sender;
    if (deviceId === undefined || transactionId === undefined) return send();
    const key: TransactionKey = { userId, deviceId, scope, transactionId };
    return this.#parts.transactions.once(key, this.#parts.clock.nowMs(), send);
  }

  async #checkOwn(userId: string, eventId: string): Promise<void> {
    const target = (await this.#parts.events.byIds([eventId])).get(eventId);
    if (target === undefined || target.pdu.sender === userId) return;
    throw new MatrixError('M_USER_SUSPENDED', 'This account is suspended: it may redact its own events alone.');
  }

  /** One's own events, or, with the power to redact, those of others. */
  async #checkRedaction(room: LoadedRoom, event: NewEvent, redacts: string): Promise<void> {
    const target = (await this.#parts.events.byIds([redacts])).get(redacts);
    if (target === undefined || target.room.nid !== room.roomNid) {
      throw new MatrixError('M_NOT_FOUND', `The event ${redacts} is not in this room.`);
    }
    if (NEVER_REDACTED.has(target.pdu.type)) {
      throw new MatrixError('M_FORBIDDEN', `An ${target.pdu.type} event cannot be redacted.`);
    }
    const { version } = room.record;
    const powerLevels = powerLevelsOf(room.state, version);
    const isOwn = target.pdu.sender === event.sender;
    const level = powerLevels.levelOf(event.sender);
    if (!isOwn && level < powerLevels.redact) {
      const text = `Redacting events of others takes power level ${powerLevels.redact}; ${event.sender} has ${level}.`;
      throw new MatrixError('M_FORBIDDEN', text);
    }
  }

  /** Where the aliases of an event lead, those that lead nowhere left out. Other servers are asked before the turn. */
  async #resolveAliases(content: JsonObject): Promise<Map<JsonValue, string>> {
    const found = new Map<JsonValue, string>();
    for (const named of aliasesIn(content).slice(0, MAX_ALIASES_OF_EVENT)) {
      const alias = asRoomAlias(named);
      if (alias === undefined || found.has(alias)) continue;
      try {
        found.set(alias, (await this.#parts.aliases.resolve(alias)).roomId);
      } catch (error) {
        // Then it does not lead here as far as anybody can tell.
        if (!(error instanceof MatrixError)) throw error;
      }
    }
    return found;
  }
}

/** Each alias that is new in the event has to be one, and to lead to this room. */
function checkAliases(room: LoadedRoom, event: NewEvent, found: ReadonlyMap<JsonValue, string>): void {
  const before = new Set(aliasesIn(stateEvent(room.state, 'm.room.canonical_alias', '')?.content ?? {}));
  for (const alias of aliasesIn(event.content)) {
    if (before.has(alias)) continue;
    if (asRoomAlias(alias) === undefined) {
      throw new MatrixError('M_INVALID_PARAM', `${JSON.stringify(alias)} is not a room alias.`);
    }
    if (found.get(alias) !== room.roomId) {
      throw new MatrixError('M_BAD_ALIAS', `The alias ${alias} does not lead to this room.`);
    }
  }
}

/** `redacts` comes in the content; the room version says where in the event it goes, and that it goes there alone. */
function redactionSaid(content: JsonObject): Pick<NewEvent, 'content' | 'redacts'> {
  const { redacts, ...rest } = content;
  return typeof redacts === 'string' ? { content: rest, redacts } : { content };
}

/** What an `m.room.canonical_alias` event names; anything may stand there. */
export function aliasesIn(content: JsonObject): JsonValue[] {
  const { alias = null, alt_aliases: alternatives = null } = content;
  const canonical = alias === null || alias === '' ? [] : [alias];
  if (alternatives === null) return canonical;
  return [...canonical, ...(Array.isArray(alternatives) ? alternatives : [alternatives])];
}
