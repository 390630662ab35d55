import { serverNameOf } from '@limpet/protocol/identifiers';
import type { Log } from '../../platform/log.ts';
import type { PublishedChange } from '../../storage/change.ts';
import type { Stream } from '../../storage/stream.ts';
import type { Arrival, OutgoingEvent } from './live-queue.ts';
import type { RoomDestinations, RoomDestinationsCache, ServerMove } from './room-destinations.ts';

/** Changes that wait while a room's servers are read. Beyond it they are let go, and found again in the tables. */
const MAX_WAITING = 50_000;

/** What other servers have to be told, in the order of the stream. */
export interface OutgoingNews {
  /** These servers were in the room when it happened; `serverName` is the one that made it. */
  event(event: OutgoingEvent, servers: Iterable<string>): void;
  arrival(serverName: string, arrival: Omit<Arrival, 'after'>): void;
  edu(serverName: string, position: number): void;
  typing(roomId: string, servers: ReadonlySet<string>): void;
  receipt(receipt: { roomId: string; roomNid: number; userId: string }, servers: ReadonlySet<string>): void;
  /**
   * What came after this position is not told: it is to be found in the tables. Nothing is told before this is kept; it
   * does not fail. `foundTrack` says that what comes from now on is told again.
   */
  lostTrack(position: number): Promise<void>;
  foundTrack(): void;
}

export interface OutgoingChangesParts {
  readonly stream: Stream;
  readonly rooms: RoomDestinationsCache;
  /** Our own. */
  readonly serverName: string;
  readonly log: Log;
}

/**
 * Follows the stream and says who has to hear of what. Changes are taken strictly in order: where a room's servers
 * have to be read first, what comes after waits.
 */
export class OutgoingChanges {
  readonly #parts: OutgoingChangesParts;
  readonly #news: OutgoingNews;
  #waiting: PublishedChange[] = [];
  /** Something is being read, and what waits has to wait on. */
  #isHeld = false;
  /** What waited was let go while something was being read. */
  #hasLetGo = false;
  #isStopped = false;
  #position: number;
  #onPublished: (() => void)[] = [];
  #lastEvent: LastEvent | undefined;
  readonly #unfollow: () => void;

  /** What came after `position` and before now is not told: `lostTrack` is the first that is called. */
  constructor(parts: OutgoingChangesParts, news: OutgoingNews, position: number) {
    this.#parts = parts;
    this.#news = news;
    this.#position = position;
    this.#unfollow = parts.stream.follow((changes) => this.#follow(changes));
    void this.#findTrack();
  }

  /** Everything up to here was told, or was lost and is in the tables. */
  get position(): number {
    const isAllTold = this.#waiting.length === 0 && !this.#isHeld && !this.#isStopped;
    return isAllTold ? this.#published() : this.#position;
  }

  stop(): void {
    this.#position = this.position;
    this.#isStopped = true;
    this.#unfollow();
    this.#waiting = [];
  }

  #published(): number {
    return Math.max(0, ...this.#parts.stream.current().values());
  }

  #follow(changes: readonly PublishedChange[]): void {
    for (const change of changes) if (this.#isOfUse(change)) this.#waiting.push(change);
    if (!this.#isHeld) {
      const [first] = this.#waiting;
      if (first !== undefined) this.#position = first.position - 1;
      this.#takeAll();
    } else if (this.#waiting.length > MAX_WAITING) {
      this.#parts.log.warn('Changes came faster than other servers could be told; they are told from the tables');
      this.#waiting = [];
      this.#hasLetGo = true;
    }
    for (const resolve of this.#onPublished.splice(0)) resolve();
  }

  /** Goes on from now; who may have missed something since `position` is found in the tables. */
  async #findTrack(): Promise<void> {
    this.#isHeld = true;
    do {
      this.#hasLetGo = false;
      await this.#news.lostTrack(this.#position);
    } while (this.#hasLetGo && !this.#isStopped);
    if (this.#isStopped) return;
    this.#parts.rooms.clear();
    const [first] = this.#waiting;
    this.#position = first === undefined ? this.#published() : first.position - 1;
    this.#isHeld = false;
    this.#news.foundTrack();
    this.#takeAll();
  }

  #isOfUse(change: PublishedChange): boolean {
    switch (change.kind) {
      case 'event':
        return change.isToBeSent;
      case 'receipt':
        return change.receiptType === 'm.read' && serverNameOf(change.userId) === this.#parts.serverName;
      case 'membership':
      case 'room-server':
      case 'typing':
      case 'outgoing-edu':
        return true;
      default:
        return false;
    }
  }

  /** All that can be told without reading. */
  #takeAll(): void {
    let taken = 0;
    for (const change of this.#waiting) {
      const roomId = 'roomId' in change ? change.roomId : undefined;
      const room = roomId === undefined ? undefined : this.#parts.rooms.known(roomId);
      if (roomId !== undefined && room === undefined && change.kind !== 'membership') {
        this.#waiting = this.#waiting.slice(taken);
        this.#position = change.position - 1;
        void this.#read(roomId, change.position - 1);
        return;
      }
      this.#tell(change, room);
      this.#position = change.position;
      taken++;
    }
    this.#waiting = [];
  }

  async #read(roomId: string, position: number): Promise<void> {
    this.#isHeld = true;
    try {
      const room = await this.#parts.rooms.load(roomId, position, (upTo) => this.#movesUpTo(roomId, upTo));
      if (room === undefined) throw new Error('A change is of a room that nobody knows');
    } catch (error) {
      this.#parts.log.warn('The servers of a room could not be read; what changed is told from the tables', { error });
      this.#waiting = [];
      this.#hasLetGo = true;
    }
    if (this.#isStopped) return;
    if (this.#hasLetGo) return this.#findTrack();
    this.#isHeld = false;
    this.#takeAll();
  }

  /** The moves of a room that wait here, once everything up to `upTo` is published. */
  async #movesUpTo(roomId: string, upTo: number): Promise<ServerMove[]> {
    while (this.#published() < upTo) await new Promise<void>((resolve) => this.#onPublished.push(resolve));
    return this.#waiting.filter((change) => change.kind === 'room-server').filter((change) => change.roomId === roomId);
  }

  #tell(change: PublishedChange, room: RoomDestinations | undefined): void {
    const { writer, position } = change;
    switch (change.kind) {
      case 'event':
        this.#tellEvent(change, room);
        return;
      case 'membership':
        this.#tellMembership(change, room);
        return;
      case 'room-server':
        this.#parts.rooms.move(change);
        if (change.isIn && room !== undefined) {
          this.#news.arrival(change.serverName, { roomNid: room.roomNid, writer, position, tries: 0 });
        }
        return;
      case 'outgoing-edu':
        this.#news.edu(change.serverName, position);
        return;
      case 'typing':
        if (room !== undefined && room.servers.size > 0) this.#news.typing(change.roomId, room.servers);
        return;
      case 'receipt': {
        const { roomId, userId } = change;
        if (room === undefined || room.servers.size === 0) return;
        this.#news.receipt({ roomId, roomNid: room.roomNid, userId }, room.servers);
      }
    }
  }

  #tellEvent(change: PublishedChange & { kind: 'event' }, room: RoomDestinations | undefined): void {
    const event = { eventNid: change.eventNid, position: change.position };
    this.#lastEvent = { event, stateKey: change.stateKey, roomId: change.roomId };
    if (room === undefined || room.servers.size === 0) return;
    // Who made it has it: a join that was handed to us, say.
    const origin = serverNameOf(change.sender);
    const isOthers = origin !== undefined && room.servers.has(origin);
    this.#news.event(event, isOthers ? [...room.servers].filter((name) => name !== origin) : room.servers);
  }

  /**
   * Who was invited or knocked and is turned away: the user's server is not in the room, and has to hear of it all the
   * same. The change of membership comes right after its event.
   */
  #tellMembership(change: PublishedChange & { kind: 'membership' }, room: RoomDestinations | undefined): void {
    const last = this.#lastEvent;
    if (last === undefined || last.stateKey !== change.userId || last.roomId !== change.roomId) return;
    const wasAsking = change.previous === 'invite' || change.previous === 'knock';
    if (!wasAsking || (change.membership !== 'leave' && change.membership !== 'ban')) return;
    const serverName = serverNameOf(change.userId);
    if (serverName === undefined || serverName === this.#parts.serverName) return;
    if (room?.servers.has(serverName) === true) return;
    this.#news.event(last.event, [serverName]);
  }
}

interface LastEvent {
  readonly event: OutgoingEvent;
  readonly stateKey: string | undefined;
  readonly roomId: string;
}
