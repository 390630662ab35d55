import { SLIDING_SYNC_EXTENSION_NAMES } from '@limpet/protocol/endpoints/client/sliding-sync-extensions';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { RowSweeper } from '../../../storage/row-sweeper.ts';
import type { StreamVector } from '../../../storage/stream.ts';
import { readStandpoint } from '../standpoint.ts';
import type { SyncSources } from '../sync-sources.ts';
import type { SyncWaiters } from '../sync-waiters.ts';
import { ToldMembers } from '../told-members.ts';
import { WakeUp } from '../wake-up.ts';
import { buildSlidingAnswer, type SlidingAnswer, type SlidingKnowledge } from './build-sliding-answer.ts';
import { ConnectionDraft } from './connection-draft.ts';
import { NO_CHANGE } from './connection-state.ts';
import { createConnectionSweeper } from './connection-sweeper.ts';
import { Connections, type OpenConnection } from './connections.ts';
import { RoomActivity } from './room-activity.ts';
import { KnownRoomLabels } from './room-labels.ts';
import { KnownRoomTraits } from './room-traits.ts';
import { slidingAnswerText } from './sliding-answer-text.ts';
import { formatSlidingPos } from './sliding-pos.ts';
import type { SlidingRequest } from './sliding-request.ts';
import { SpaceChildren } from './space-children.ts';

/** Longest wait for news, whatever the client asks for. */
const MAX_TIMEOUT_MS = 300_000;

/** Answers sliding sync: at once when there is something to tell, else as soon as there is (C12). MSC4186. */
export class SlidingSyncService {
  readonly #sources: SyncSources;
  readonly #waiters: SyncWaiters;
  readonly #connections: Connections;
  readonly #knowledge: SlidingKnowledge;
  readonly #sweeper: RowSweeper;
  #isStopped = false;

  constructor(sources: SyncSources, waiters: SyncWaiters) {
    const { storage, platform, state } = sources;
    this.#sources = sources;
    this.#waiters = waiters;
    this.#connections = new Connections(storage, platform.clock);
    this.#knowledge = {
      activity: new RoomActivity(storage, platform.timers),
      traits: new KnownRoomTraits({ ...sources, timers: platform.timers }),
      labels: new KnownRoomLabels(storage),
      spaces: new SpaceChildren(storage, state),
      members: new ToldMembers(),
    };
    this.#sweeper = createConnectionSweeper(platform, storage);
  }

  start(): void {
    this.#sweeper.start();
  }

  /** Answers who waits, and lets nobody wait any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#waiters.close();
    await this.#sweeper.stop();
  }

  /** The body of the answer, as JSON text. Throws M_UNKNOWN_POS: the client has to begin anew. */
  async sync(request: SlidingRequest): Promise<string> {
    const { presence } = this.#sources;
    const work = () => this.#sync(request);
    return presence === undefined ? work() : presence.whileAsking(request, request.setPresence, work);
  }

  async #sync(request: SlidingRequest): Promise<string> {
    const open = await this.#connections.open(request);
    const turn = new RequestTurn(open, request);
    turn.draft.enable(enabledExtensions(request));
    if (request.connId === '') turn.draft.subscribe(request.subscriptions, request.unsubscriptions);
    else turn.draft.replaceSubscriptions(request.subscriptions);
    const isChanged = turn.noteLists();
    const mayWait = request.timeoutMs > 0 && !turn.isFirst && !isChanged;
    const answer = mayWait ? await this.#waitForNews(turn) : await this.#answer(turn);
    return this.#give(turn, answer);
  }

  async #waitForNews(turn: RequestTurn): Promise<SlidingAnswer> {
    const { request } = turn;
    const { clock, timers } = this.#sources.platform;
    const deadline = clock.monotonicMs() + Math.min(request.timeoutMs, MAX_TIMEOUT_MS);
    const wakeUp = new WakeUp();
    const wake = () => wakeUp.now();
    // Watch before looking: news that comes in between must wake.
    const unwatch = await this.#waiters.watch(request.userId, wake);
    request.signal.addEventListener('abort', wake);
    turn.onSuperseded(wake);
    try {
      for (let counts: string | undefined; ; ) {
        const leftMs = deadline - clock.monotonicMs();
        const answer = await this.#answer(turn);
        const now = JSON.stringify([...answer.counts]);
        const isOver = leftMs <= 0 || this.#isStopped || request.signal.aborted || turn.isSuperseded;
        if (isOver || !answer.isEmpty || (counts !== undefined && counts !== now)) return answer;
        counts = now;
        await wakeUp.next(timers.after(leftMs, wake));
      }
    } finally {
      request.signal.removeEventListener('abort', wake);
      unwatch();
    }
  }

  async #answer(turn: RequestTurn): Promise<SlidingAnswer> {
    const { request, draft, open } = turn;
    const standpoint = await readStandpoint(request.userId, turn.since, this.#sources);
    const input = { ...standpoint, request, draft, connectionKey: open.connection.name };
    const answer = await buildSlidingAnswer(input, this.#knowledge, this.#sources);
    // Where nothing lies between, the request goes on as if the client had come back with this answer's `pos`.
    turn.since = answer.upTo;
    return answer;
  }

  /**
   * Keeps what the client is told, if that is anything new, and writes the answer. Nobody reads the answer to a request
   * that is over, so nothing counts as told by it.
   */
  async #give(turn: RequestTurn, answer: SlidingAnswer): Promise<string> {
    const { request, open, draft } = turn;
    if (turn.isSuperseded || request.signal.aborted) {
      if (answer.rooms.size > 0) this.#connections.noteLost(open.connection);
      if (request.pos === undefined) throw new MatrixError('M_UNKNOWN_POS', 'The request was given up. Begin anew.');
      const nothing = { texts: new Map<string, string>() };
      const empty = { counts: answer.counts, rooms: new Map(), extensions: { ...nothing, isEmpty: true } };
      return slidingAnswerText(empty, { pos: request.pos, request }, this.#sources);
    }
    const { connection } = open;
    draft.forgetBeyondLimit();
    const { change } = draft;
    const isNew = connection.nid === 0;
    const version =
      change === undefined && !isNew ? open.version : await this.#connections.save(connection, change ?? NO_CHANGE);
    connection.given = { version, vector: answer.upTo };
    const place = { connectionNid: connection.nid, version, vector: answer.upTo };
    const pos = formatSlidingPos(place, this.#sources.storage.databaseTag);
    return slidingAnswerText(answer, { pos, request }, this.#sources);
  }
}

/** One request on a connection. The next one on it ends it: a client has one at a time, and gave this one up. */
class RequestTurn {
  readonly request: SlidingRequest;
  readonly open: OpenConnection;
  readonly draft: ConnectionDraft;
  /** How far the client is; moves along while it waits and nothing concerns it. */
  since: StreamVector | undefined;
  isSuperseded = false;
  #wake: () => void = () => {};

  constructor(open: OpenConnection, request: SlidingRequest) {
    this.request = request;
    this.open = open;
    this.draft = new ConnectionDraft(open.state);
    this.since = open.since;
    open.connection.supersede();
    open.connection.supersede = () => {
      this.isSuperseded = true;
      this.#wake();
    };
  }

  /** The connection begins with it. */
  get isFirst(): boolean {
    return this.open.since === undefined;
  }

  onSuperseded(wake: () => void): void {
    this.#wake = wake;
  }

  /** Whether the client looks at other lists than before: then it wants to know at once how many rooms they have. */
  noteLists(): boolean {
    const { connection } = this.open;
    const lists = JSON.stringify([...this.request.lists]);
    const isChanged = connection.lists !== undefined && connection.lists !== lists;
    connection.lists = lists;
    return isChanged;
  }
}

/** Of those that there are: others cost nothing, and nothing is kept of them. */
function enabledExtensions({ extensions }: SlidingRequest): string[] {
  return SLIDING_SYNC_EXTENSION_NAMES.filter((name) => extensions[name]?.enabled === true);
}
