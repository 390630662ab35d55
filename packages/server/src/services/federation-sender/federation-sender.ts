import { serverNameOf } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { createCache } from '../../cache/create-cache.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { insertBehind, selectBehindNames, selectToldEverybody } from '../../storage/queries/destinations.ts';
import { trimOutgoingEdus } from '../../storage/queries/outgoing-edus.ts';
import { selectServersToTell } from '../../storage/queries/outgoing-events.ts';
import type { RowSweeper } from '../../storage/row-sweeper.ts';
import type { Storage } from '../../storage/storage.ts';
import type { RemoteServersService } from '../remote-servers/create-remote-servers.ts';
import type { EventStore } from '../rooms/event-store.ts';
import { DestinationRecords } from './destination-records.ts';
import { Destinations } from './destinations.ts';
import { createEduSweeper } from './edu-sweeper.ts';
import { EphemeralNews } from './ephemeral-news.ts';
import { FederationStatus } from './federation-status.ts';
import type { Arrival, OutgoingEvent, QueueBudget } from './live-queue.ts';
import { OutgoingChanges, type OutgoingNews } from './outgoing-changes.ts';
import { OutgoingEvents } from './outgoing-events.ts';
import { RetrySchedule } from './retry-schedule.ts';
import { RoomDestinationsCache } from './room-destinations.ts';
import { SendingSlots } from './sending-slots.ts';
import { TransactionDelivery } from './transaction-delivery.ts';
import { Undelivered } from './undelivered.ts';

/** Events that wait in memory, all servers together: some 10 bytes each. */
const MAX_EVENTS_IN_MEMORY = 500_000;
/** How far the mark may lag behind what was told; what came after it is told again after a crash. */
const MARK_EVERY_MS = 2_000;
/** Servers looked up, or put behind, in one step. */
const SERVERS_PER_PAGE = 500;
/**
 * EDUs that wait for a server that is away. Beyond it the oldest go: what is new is worth more to who comes so late.
 */
const MAX_WAITING_EDUS = 5_000;
/** How many may come before it is looked whether they are too many. */
const EDUS_PER_TRIM = 200;
/** Servers whose new EDUs are counted. */
const MAX_COUNTED_SERVERS = 20_000;
const LOOK_AGAIN_MS = 2_000;
/** After an answer that does not name what it was given, and after the same again. */
const OFFER_AGAIN_MS: readonly number[] = [2_000, 10_000, 60_000];
/** That wait at once for all servers. */
const MAX_OFFERS_TO_COME = 1_000;
const CHANCE_BYTES = 4;

const PAGE = { limit: SERVERS_PER_PAGE };

export interface FederationSenderParts {
  readonly storage: Storage;
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'random' | 'log'>;
  /** Our own. */
  readonly serverName: string;
  readonly events: EventStore;
  readonly remoteServers: Pick<RemoteServersService, 'request' | 'onHeardFrom' | 'forgetFailures'>;
  /** Who is typing in a room now. */
  readonly typing: (roomId: string) => readonly string[];
  /** What is to be told of the presence of a user of ours. */
  readonly presence: (userId: string) => JsonObject | undefined;
}

/**
 * Tells other servers. It follows the stream, and holds no more in memory than what is under way: see
 * `docs/federation.md`, "Sending".
 */
export class FederationSender implements OutgoingNews {
  readonly #parts: FederationSenderParts;
  readonly #events: OutgoingEvents;
  readonly #slots = new SendingSlots();
  readonly #budget: QueueBudget = { used: 0, limit: MAX_EVENTS_IN_MEMORY };
  readonly #records: DestinationRecords;
  readonly #destinations: Destinations;
  readonly status: FederationStatus;
  readonly #schedule: RetrySchedule;
  readonly #sweeper: RowSweeper;
  readonly #ephemeral: EphemeralNews;
  readonly #changes: OutgoingChanges;
  readonly #abort = new AbortController();
  readonly #unfollow: (() => void)[];
  /** New EDUs of servers that are behind, since they were last looked whether they are too many. */
  readonly #untrimmed = createCache<string, number>(MAX_COUNTED_SERVERS);
  /** What came after this is being looked for in the tables. */
  #lookingAfter: number | undefined;
  /** Sticky events that were ignored, and wait to be offered again. */
  #offersToCome = 0;
  #markTimer: Timer | undefined;
  #marking: Promise<void> = Promise.resolve();

  /** Begins at once: whoever lacks something, as the tables tell, is put behind and tried. */
  static async start(parts: FederationSenderParts): Promise<FederationSender> {
    const [row] = await parts.storage.read(selectToldEverybody, {});
    return new FederationSender(parts, row?.position ?? 0);
  }

  private constructor(parts: FederationSenderParts, mark: number) {
    const { storage, platform, serverName, events } = parts;
    const { clock, random, timers, log } = platform;
    this.#parts = parts;
    this.#events = new OutgoingEvents(storage, clock);
    this.#unfollow = [
      storage.stream.follow((changes) => {
        for (const change of changes) this.#note(change);
      }),
      parts.remoteServers.onHeardFrom((name) => this.#heardFrom(name)),
    ];
    this.#records = new DestinationRecords(storage, log, mark);
    this.#destinations = new Destinations({
      storage,
      clock,
      log,
      undelivered: new Undelivered({ storage, clock, serverName }),
      events: this.#events,
      delivery: new TransactionDelivery({ remoteServers: parts.remoteServers, clock, random, log, serverName }),
      records: this.#records,
      slots: this.#slots,
      forgetFailures: (name) => parts.remoteServers.forgetFailures(name),
      budget: this.#budget,
      chance: () => Buffer.from(random.bytes(CHANCE_BYTES)).readUInt32BE() / 2 ** (8 * CHANCE_BYTES),
      position: () => this.#changes.position,
      signal: this.#abort.signal,
      onIgnored: (serverName, arrival) => this.#offerAgain(serverName, arrival),
      onOpen: () => this.#waitToMark(),
      onBackOff: (retryAtMs) => this.#schedule.note(retryAtMs),
      onRelease: () => this.#schedule.noteFree(),
    });
    this.status = new FederationStatus({
      storage,
      clock,
      serverName,
      destinations: this.#destinations,
      lastSuccess: (name) => this.#records.lastSuccess(name),
    });
    this.#schedule = new RetrySchedule({
      storage,
      platform,
      count: () => this.#destinations.count(),
      isUnderWay: (name) => this.#destinations.isUnderWay(name),
      onDue: (due) => this.#destinations.wakeDue(due),
    });
    this.#sweeper = createEduSweeper(platform, storage);
    this.#sweeper.start();
    this.#ephemeral = new EphemeralNews({
      storage,
      timers,
      log,
      serverName,
      typing: parts.typing,
      presence: parts.presence,
      roomNids: async (roomIds) => {
        const rooms = await Promise.all(roomIds.map((roomId) => events.room(roomId)));
        return rooms.flatMap((room) => room?.nid ?? []);
      },
      offer: (servers, key, text) => this.#offerEphemeral(servers, key, text),
    });
    const rooms = new RoomDestinationsCache(storage, events);
    this.#changes = new OutgoingChanges({ stream: storage.stream, rooms, serverName, log }, this, mark);
  }

  /** Tries a server now. Whether it was behind. */
  async retry(serverName: string): Promise<boolean> {
    if (!this.#destinations.isBehind(serverName)) return false;
    await this.#destinations.wake(serverName, { kind: 'retry' });
    return true;
  }

  /** What is held in memory: servers with something under way, names of those that are behind, events that wait. */
  inMemory(): { underWay: number; behind: number; waitingEvents: number } {
    const { underWay, behind } = this.#destinations.count();
    return { underWay, behind, waitingEvents: this.#budget.used };
  }

  /** Ends what is under way, which will be sent again, and writes down how far everybody has come. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#slots.open();
    this.#changes.stop();
    for (const unfollow of this.#unfollow) unfollow();
    this.#ephemeral.stop();
    this.#markTimer?.cancel();
    await this.#sweeper.stop();
    await this.#schedule.stop();
    await this.#destinations.settled();
    await this.#marking;
    await this.#mark();
    await this.#records.flush();
  }

  #note(change: PublishedChange): void {
    this.#events.note(change);
    if (change.kind !== 'presence' || serverNameOf(change.userId) !== this.#parts.serverName) return;
    this.#inBackground(this.#ephemeral.presence(change));
  }

  /** A server is there: if it is behind, it is told at once. */
  #heardFrom(serverName: string): void {
    if (!this.#destinations.isBehind(serverName)) return;
    this.#inBackground(this.#destinations.wake(serverName, { kind: 'heard-from' }));
  }

  event(event: OutgoingEvent, servers: Iterable<string>): void {
    for (const serverName of servers) this.#destinations.toOffer(serverName)?.offerEvent(event);
  }

  arrival(serverName: string, arrival: Omit<Arrival, 'after'>): void {
    this.#destinations.toOffer(serverName)?.offerArrival(arrival);
  }

  /**
   * A server that is joining may drop what comes for the room, and answer 200 without a word of it. What is sticky is
   * offered again, when the join should be over.
   */
  #offerAgain(serverName: string, { roomNid, writer, position, tries }: Arrival): void {
    const delayMs = OFFER_AGAIN_MS[tries];
    if (delayMs === undefined || this.#offersToCome >= MAX_OFFERS_TO_COME) return;
    this.#offersToCome++;
    this.#parts.platform.timers.after(delayMs, () => {
      this.#offersToCome--;
      if (!this.#abort.signal.aborted) this.arrival(serverName, { roomNid, writer, position, tries: tries + 1 });
    });
  }

  edu(serverName: string, position: number): void {
    this.#destinations.toOffer(serverName)?.noteEdu(position);
    if (this.#destinations.isBehind(serverName)) this.#trimEdus(serverName);
  }

  typing(roomId: string, servers: ReadonlySet<string>): void {
    this.#ephemeral.typing(roomId, servers);
  }

  receipt(receipt: { roomId: string; roomNid: number; userId: string }, servers: ReadonlySet<string>): void {
    this.#inBackground(this.#ephemeral.receipt(receipt, servers));
  }

  async lostTrack(position: number): Promise<void> {
    this.#lookingAfter = position;
    while (!this.#abort.signal.aborted) {
      try {
        await this.#putBehind(position);
        return;
      } catch (error) {
        this.#parts.platform.log.warn('Who is to be told what could not be looked up; trying again', { error });
        await new Promise<void>((resolve) => {
          this.#parts.platform.timers.after(LOOK_AGAIN_MS, resolve);
          this.#abort.signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    }
  }

  foundTrack(): void {
    if (this.#lookingAfter === undefined || this.#abort.signal.aborted) return;
    for (const destination of this.#destinations.underWay) destination.loseTrack(this.#lookingAfter);
    this.#lookingAfter = undefined;
    this.#schedule.look();
    this.#waitToMark();
  }

  /** Rows for all who lack something after this position; and the names of those who have one. */
  async #putBehind(position: number): Promise<void> {
    const { storage, platform, serverName: ownName } = this.#parts;
    const pages = (after: string) => storage.read(selectServersToTell, { ...PAGE, after: position, afterName: after });
    for await (const names of pagesOf(pages)) {
      const others = names.filter((name) => name !== ownName && !this.#destinations.isUnderWay(name));
      const nowMs = platform.clock.nowMs();
      await storage.write((transaction) => {
        for (const serverName of others) transaction.run(insertBehind, { serverName, position, nowMs });
      });
    }
    for await (const names of pagesOf((after) => storage.read(selectBehindNames, { ...PAGE, after }))) {
      for (const name of names) this.#destinations.noteBehind(name);
    }
  }

  #offerEphemeral(servers: Iterable<string>, key: string, text: string): void {
    for (const serverName of servers) this.#destinations.toOffer(serverName)?.offerEphemeral(key, text);
  }

  #trimEdus(serverName: string): void {
    // Of one that was not counted there may be too many.
    const count = (this.#untrimmed.get(serverName) ?? EDUS_PER_TRIM) + 1;
    this.#untrimmed.set(serverName, count > EDUS_PER_TRIM ? 0 : count);
    if (count <= EDUS_PER_TRIM) return;
    const { storage } = this.#parts;
    this.#inBackground(
      storage.write((transaction) => transaction.run(trimOutgoingEdus, { serverName, kept: MAX_WAITING_EDUS })),
    );
  }

  #waitToMark(): void {
    if (this.#abort.signal.aborted) return;
    this.#markTimer ??= this.#parts.platform.timers.after(MARK_EVERY_MS, () => {
      this.#markTimer = undefined;
      this.#marking = this.#mark().then((isAll) => {
        if (!isAll) this.#waitToMark();
      });
    });
  }

  /**
   * Moves the mark to where everybody was told who has no row that says otherwise, and takes back the rows of those who
   * have come that far. Whether there is nothing more to write for now.
   */
  async #mark(): Promise<boolean> {
    this.#destinations.releaseWritten();
    const underWay = [...this.#destinations.underWay];
    const told = Math.min(
      this.#lookingAfter ?? this.#changes.position,
      this.#records.firstUnwritten() - 1,
      ...underWay.map((destination) => destination.firstLacking - 1),
    );
    const mark = Math.max(told, this.#records.mark);
    const recovered = underWay.filter(({ isRecovered, firstLacking }) => isRecovered && firstLacking > mark);
    for (const destination of underWay) destination.saveProgress();
    try {
      await this.#records.moveMark(
        mark,
        recovered.map((destination) => destination.serverName),
      );
      this.#destinations.noteLive(recovered);
      await this.#records.flush();
    } catch (error) {
      this.#parts.platform.log.warn('How far other servers have come was not written; trying again', { error });
      return false;
    }
    return this.#destinations.count().underWay === 0;
  }

  #inBackground(work: Promise<unknown>): void {
    work.catch((error) => {
      this.#parts.platform.log.warn('The database kept another server from being told something', { error });
    });
  }
}

/** Names, page by page. */
async function* pagesOf(
  read: (after: string) => Promise<readonly { readonly server_name: string }[]>,
): AsyncGenerator<readonly string[]> {
  let after = '';
  for (;;) {
    const names = (await read(after)).map((row) => row.server_name);
    if (names.length > 0) yield names;
    if (names.length < SERVERS_PER_PAGE) return;
    after = names.at(-1) ?? after;
  }
}
