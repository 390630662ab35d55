import { type PowerLevels, powerLevelsOf } from '@limpet/protocol/authorization/power-levels';
import type { Pdu } from '@limpet/protocol/pdu';
import { createCache } from '../../cache/create-cache.ts';
import {
  deleteRedactedUnreadEvent,
  deleteRedactedUnreadExceptions,
  insertRelatedUnreadEvent,
  insertRelatedUnreadException,
  insertUnreadEvent,
  insertUnreadException,
  pruneReadsBySending,
  pruneUnreadEvents,
  pruneUnreadExceptions,
} from '../../storage/queries/unread.ts';
import type { WriteTransaction } from '../../storage/storage.ts';
import { relationOf, threadRootOf } from '../rooms/event-relation.ts';
import type { Projection, RoomView } from '../rooms/projection.ts';
import { isHistory, type RoomEvent } from '../rooms/room-event.ts';
import { MAX_COUNTED } from './count-unread.ts';
import type { DefaultPushRules } from './default-push-rules.ts';
import { type CompiledPushRules, compilePushRules, evaluatePushRules } from './evaluate-push-rules.ts';
import { type PushEvent, pushEventOf } from './push-event.ts';
import type { PushQueue } from './push-queue.ts';
import { outcomeOf, type PushOutcome, SILENT } from './push-rule.ts';
import { ReadsBySending } from './reads-by-sending.ts';
import type { RoomAudience, RoomAudiences } from './room-audiences.ts';
import type { UnreadEvent, UnreadNews } from './unread-news.ts';

/** A room's rows are pruned each time this many were added. */
const PRUNE_EVERY = 256;
/** Rooms whose added rows are counted. */
const MAX_COUNTED_ROOMS = 10_000;
/** Named users with default rules whose rules are kept compiled. */
const MAX_COMPILED_USERS = 10_000;

export interface UnreadProjectionParts {
  readonly defaults: DefaultPushRules;
  readonly audiences: RoomAudiences;
  readonly news: UnreadNews;
  readonly pushQueue: PushQueue;
}

/**
 * Keeps unread counts exact at the commit of each event. An event is judged once for everybody whose rules are the
 * default ones and whom it does not name; that is one row, if it notifies. Users with other rules and those named in it
 * are judged one by one, and have a row only where the outcome differs. Sticky events are judged like others (C11).
 */
export class UnreadProjection implements Projection {
  readonly #defaults: DefaultPushRules;
  readonly #impersonalRules: CompiledPushRules;
  readonly #audiences: RoomAudiences;
  readonly #news: UnreadNews;
  readonly #pushQueue: PushQueue;
  readonly #readsBySending = new ReadsBySending();
  readonly #personalRules = createCache<string, CompiledPushRules>(MAX_COMPILED_USERS);
  readonly #addedRows = createCache<number, number>(MAX_COUNTED_ROOMS);

  constructor({ defaults, audiences, news, pushQueue }: UnreadProjectionParts) {
    this.#defaults = defaults;
    this.#impersonalRules = compilePushRules(defaults.impersonal);
    this.#audiences = audiences;
    this.#news = news;
    this.#pushQueue = pushQueue;
  }

  async prepare(room: RoomView): Promise<void> {
    await this.#audiences.prepare(room);
  }

  project(transaction: WriteTransaction, event: RoomEvent, room: RoomView): void {
    const { pdu } = event;
    if (pdu.type === 'm.room.member') this.#audiences.noteMember(room, pdu);
    if (event.place === undefined || isHistory(event.place) || event.isRejected || event.isSoftFailed) return;
    const { roomIndex } = event.place;
    if (pdu.type === 'm.room.redaction' && pdu.redacts !== undefined) {
      const redaction = { roomNid: room.roomNid, redacts: pdu.redacts, redactionNid: event.nid };
      transaction.run(deleteRedactedUnreadEvent, redaction);
      transaction.run(deleteRedactedUnreadExceptions, redaction);
    }
    if (event.redactedBy !== undefined || room.localJoined.size === 0) {
      this.#news.leave(event.nid, 'nothing');
      return;
    }
    const { outcome, exceptions } = this.#judge(event, room);
    const isUnread = outcome.notifies || exceptions.size > 0;
    const { threadId, parentId } = threadOf(pdu);
    const sent = { event, roomIndex, threadId, parentId, isUnread };
    const isReadBySender = this.#readsBySending.project(transaction, sent, room);
    if (!isUnread && !isReadBySender) {
      this.#news.leave(event.nid, 'nothing');
      return;
    }
    const unread = { roomIndex, sender: pdu.sender, threadId, outcome, exceptions, isReadBySender };
    writeUnread(transaction, event, unread, parentId);
    if (isUnread) this.#pushQueue.add(transaction, event, unread, room);
    this.#news.leave(event.nid, unread);
    this.#prune(transaction, room.roomNid);
  }

  #judge(event: RoomEvent, room: RoomView): Pick<UnreadEvent, 'outcome' | 'exceptions'> {
    const pushEvent = pushEventOf(event.pdu);
    const { sender } = event.pdu;
    const audience = this.#audiences.of(room);
    const place = { memberCount: room.joinedCount, powerLevels: powerLevelsOf(room.state, event.room.version) };
    const rootId = threadRootOf(event.pdu);
    const followers = rootId === undefined ? NOBODY : audience.followersOf(rootId);
    const follows = (userId: string) => (rootId === undefined ? undefined : followers.has(userId));
    // Who follows a thread is looked at by himself; all others do not.
    const others = { ...place, displayName: undefined, followsThread: rootId === undefined ? undefined : false };
    const outcome = judge(this.#impersonalRules, pushEvent, others);
    const exceptions = new Map<string, PushOutcome>();
    const except = (userId: string, rules: CompiledPushRules) => {
      const displayName = audience.names.displayNameOf(userId);
      const own = judge(rules, pushEvent, { ...place, displayName, followsThread: follows(userId) });
      if (!isSame(own, outcome)) exceptions.set(userId, own);
    };
    for (const [userId, settings] of audience.custom) {
      if (userId === sender || !room.localJoined.has(userId)) continue;
      if (settings.ignoredUsers.has(sender)) {
        if (outcome.notifies) exceptions.set(userId, SILENT);
      } else {
        except(userId, settings.rules ?? this.#rulesFor(userId));
      }
    }
    const named = namedUsers(pushEvent, audience);
    for (const userId of followers.size === 0 ? named : new Set([...named, ...followers])) {
      if (userId === sender || !room.localJoined.has(userId) || audience.custom.has(userId)) continue;
      except(userId, this.#rulesFor(userId));
    }
    return { outcome, exceptions };
  }

  /** The default rules as this user has them. */
  #rulesFor(userId: string): CompiledPushRules {
    let rules = this.#personalRules.get(userId);
    if (rules === undefined) {
      rules = compilePushRules(this.#defaults.of(userId));
      this.#personalRules.set(userId, rules);
    }
    return rules;
  }

  #prune(transaction: WriteTransaction, roomNid: number): void {
    const added = (this.#addedRows.get(roomNid) ?? 0) + 1;
    this.#addedRows.set(roomNid, added % PRUNE_EVERY);
    if (added < PRUNE_EVERY) return;
    transaction.run(pruneUnreadExceptions, { roomNid, kept: MAX_COUNTED });
    transaction.run(pruneReadsBySending, { roomNid, kept: MAX_COUNTED });
    transaction.run(pruneUnreadEvents, { roomNid, kept: MAX_COUNTED });
  }
}

interface Place {
  readonly displayName: string | undefined;
  readonly memberCount: number;
  readonly powerLevels: PowerLevels;
  readonly followsThread: boolean | undefined;
}

const NOBODY: ReadonlySet<string> = new Set();

function judge(rules: CompiledPushRules, event: PushEvent, place: Place): PushOutcome {
  return outcomeOf(evaluatePushRules(rules, event, place));
}

function isSame(left: PushOutcome, right: PushOutcome): boolean {
  return left.notifies === right.notifies && left.highlights === right.highlights;
}

/** Whom the event names: those it says it mentions; of an event that says nothing of that, those found in its text. */
function namedUsers(event: PushEvent, audience: RoomAudience): Iterable<string> {
  if (event.hasMentions) {
    const userIds = event.value(MENTIONED_USERS);
    return new Set(Array.isArray(userIds) ? userIds.filter((userId) => typeof userId === 'string') : []);
  }
  const body = event.loweredBody;
  return body === undefined ? [] : audience.names.usersNamedIn(body);
}

const MENTIONED_USERS = ['content', 'm.mentions', 'user_ids'];

/**
 * The thread of an event: its own, or that of the event to which it is related in another way. A thread's root belongs
 * to the main timeline, and so does what is related to it. Specification: "Threaded read receipts".
 */
function threadOf(pdu: Pdu): { threadId: string | undefined; parentId: string } {
  const relation = relationOf(pdu);
  if (relation === undefined) return { threadId: '', parentId: '' };
  if (relation.type === 'm.thread') return { threadId: relation.eventId, parentId: '' };
  return { threadId: undefined, parentId: relation.eventId };
}

function writeUnread(transaction: WriteTransaction, event: RoomEvent, unread: UnreadEvent, parentId: string): void {
  const { roomIndex, sender, threadId, outcome, exceptions } = unread;
  const roomNid = event.room.nid;
  if (outcome.notifies) {
    const row = { roomNid, roomIndex, eventNid: event.nid, sender, highlights: Number(outcome.highlights) };
    if (threadId !== undefined) transaction.run(insertUnreadEvent, { ...row, threadId });
    else transaction.run(insertRelatedUnreadEvent, { ...row, parentId });
  }
  for (const [userId, own] of exceptions) {
    const { notifies, highlights } = own;
    const row = { roomNid, userId, roomIndex, notifies: Number(notifies), highlights: Number(highlights) };
    if (threadId !== undefined) transaction.run(insertUnreadException, { ...row, threadId });
    else transaction.run(insertRelatedUnreadException, { ...row, parentId });
  }
}
