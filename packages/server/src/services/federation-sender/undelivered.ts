import { serverNameOf } from '@limpet/protocol/identifiers';
import type { Clock } from '../../platform/clock.ts';
import { selectOutgoingEdus } from '../../storage/queries/outgoing-edus.ts';
import {
  selectEventsBefore,
  selectLatestOfRooms,
  selectLeftRooms,
  selectSharedRoom,
  selectStickyForServer,
  selectStickyOfRoom,
} from '../../storage/queries/outgoing-events.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Arrival, DestinationCursor } from './live-queue.ts';
import { eduText } from './transaction-text.ts';

/** How many events before the one that put a server out of a room are looked at for one of our own. */
const MAX_LOOK_BACK = 20;

export interface LatestEvent {
  readonly eventNid: number;
  /** In the order of these a server gets them. */
  readonly position: number;
}

export interface StickyEvent {
  readonly eventNid: number;
  /** Its rank, see the table `destinations`. */
  readonly effective: number;
  readonly due: number;
}

export interface LatestPage {
  readonly events: readonly LatestEvent[];
  /** Up to here nothing is left out. */
  readonly upTo: number;
}

export interface StickyPage {
  readonly events: readonly StickyEvent[];
  readonly isAll: boolean;
}

/** What came up to a position of the stream, and so many of it. */
interface Page {
  readonly upTo: number;
  readonly limit: number;
}

export interface WaitingEdu {
  readonly writer: number;
  readonly position: number;
  /** The whole EDU, canonical. */
  readonly text: string;
}

export interface UndeliveredParts {
  readonly storage: Storage;
  readonly clock: Clock;
  /** Our own. */
  readonly serverName: string;
}

/** Reads from the tables what other servers have not got. */
export class Undelivered {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #ownName: string;

  constructor({ storage, clock, serverName }: UndeliveredParts) {
    this.#storage = storage;
    this.#clock = clock;
    this.#ownName = serverName;
  }

  /**
   * The latest event of each room that the server shares, for rooms with something after the cursor; of a room that it
   * left since, the latest one up to what put it out.
   */
  async latest(serverName: string, cursor: DestinationCursor, page: Page): Promise<LatestPage> {
    const range = { serverName, after: cursor.eventPosition, ...page };
    const [shared, left] = await Promise.all([
      this.#storage.read(selectLatestOfRooms, range),
      this.#storage.read(selectLeftRooms, range),
    ]);
    const events: LatestEvent[] = shared.map((row) => ({ eventNid: row.event_nid, position: row.position }));
    for (const row of left) {
      const eventNid = await this.#partingEvent(row);
      if (eventNid !== undefined) events.push({ eventNid, position: row.position });
    }
    // Where one of the two was cut, the other says nothing of what comes after the cut.
    const upTo = Math.min(endOf(shared, page), endOf(left, page));
    const found = events.filter((event) => event.position <= upTo).sort((a, b) => a.position - b.position);
    const last = found.length > page.limit ? found[page.limit - 1] : undefined;
    return { events: found.slice(0, page.limit), upTo: last?.position ?? upTo };
  }

  async #partingEvent(left: { room_nid: number; writer: number; position: number }): Promise<number | undefined> {
    const { room_nid: roomNid, writer, position: upTo } = left;
    const rows = await this.#storage.read(selectEventsBefore, { roomNid, writer, upTo, limit: MAX_LOOK_BACK });
    return rows.find((row) => this.#isOwn(row.sender))?.event_nid;
  }

  /** Unexpired own sticky events that became due to the server after the cursor, by their rank. */
  async sticky(serverName: string, cursor: DestinationCursor, page: Page): Promise<StickyPage> {
    const { stickyEffective: effective, stickyDue: due } = cursor;
    const range = { serverName, effective, due, nowMs: this.#clock.nowMs(), suffix: this.#suffix, ...page };
    const rows = await this.#storage.read(selectStickyForServer, range);
    const events = rows.map((row) => ({ eventNid: row.event_nid, effective: row.effective, due: row.due }));
    return { events, isAll: rows.length < page.limit };
  }

  /** Unexpired own sticky events of a room that a server came into, oldest first (D4). */
  async forArrival(arrival: Arrival, { upTo, limit }: Page): Promise<LatestEvent[]> {
    const { roomNid, writer, after } = arrival;
    const range = { roomNid, writer, after, upTo, nowMs: this.#clock.nowMs(), suffix: this.#suffix, limit };
    const rows = await this.#storage.read(selectStickyOfRoom, range);
    return rows.map((row) => ({ eventNid: row.event_nid, position: row.position }));
  }

  /** EDUs of the table, oldest first. */
  async edus(serverName: string, limit: number): Promise<WaitingEdu[]> {
    const rows = await this.#storage.read(selectOutgoingEdus, { serverName, limit });
    return rows.map(({ writer, position, edu_type: type, json }) => ({ writer, position, text: eduText(type, json) }));
  }

  async sharesRoom(serverName: string): Promise<boolean> {
    return (await this.#storage.read(selectSharedRoom, { serverName })).length > 0;
  }

  #isOwn(sender: string): boolean {
    return serverNameOf(sender) === this.#ownName;
  }

  get #suffix(): string {
    return `:${this.#ownName}`;
  }
}

/** How far a page reaches: to its last row where it was cut. */
function endOf(rows: readonly { position: number }[], page: Page): number {
  return rows.length < page.limit ? page.upTo : (rows.at(-1)?.position ?? page.upTo);
}
