import type { DestinationRow } from '../../storage/queries/destinations.ts';
import { selectDestination } from '../../storage/queries/destinations.ts';
import { Destination, type DestinationParts, type DestinationStart } from './destination.ts';
import type { DestinationInput } from './destination-state.ts';

export interface DestinationsParts extends Omit<DestinationParts, 'onChange'> {
  /** A server backs off until then, and its row says so. */
  readonly onBackOff: (retryAtMs: number) => void;
  /** Something is under way with one more. */
  readonly onOpen: () => void;
  /** Nothing is under way any more with one that was. */
  readonly onRelease: () => void;
}

/**
 * The other servers. In memory are those with something under way; of those that are behind and wait to be tried again
 * there is a name here, and the rest in the table; of those that are live and have everything there is nothing.
 */
export class Destinations {
  readonly #parts: DestinationsParts;
  readonly #underWay = new Map<string, Destination>();
  /** Names of those whose rows say that they are behind. */
  readonly #behind = new Set<string>();
  /** Those whose rows are being read. */
  readonly #waking = new Map<string, Promise<void>>();

  constructor(parts: DestinationsParts) {
    this.#parts = parts;
  }

  /** Those with something under way. */
  get underWay(): Iterable<Destination> {
    return this.#underWay.values();
  }

  isUnderWay(serverName: string): boolean {
    return this.#underWay.has(serverName);
  }

  isBehind(serverName: string): boolean {
    return this.#behind.has(serverName);
  }

  count(): { underWay: number; catchingUp: number; behind: number } {
    let catchingUp = 0;
    for (const { state } of this.#underWay.values()) if (state.name === 'catching-up') catchingUp++;
    return { underWay: this.#underWay.size, catchingUp, behind: this.#behind.size };
  }

  find(serverName: string): Destination | undefined {
    return this.#underWay.get(serverName);
  }

  /** The server, to be offered something; `undefined` for one that is behind, which will find it in the tables. */
  toOffer(serverName: string): Destination | undefined {
    const known = this.#underWay.get(serverName);
    if (known !== undefined) return known;
    return this.#behind.has(serverName) ? undefined : this.#open(serverName);
  }

  /** A server's row was made to say that it is behind. */
  noteBehind(serverName: string): void {
    this.#behind.add(serverName);
  }

  /** Something happened to a server that may be behind; to one that is live it means nothing. */
  async wake(serverName: string, input: DestinationInput): Promise<void> {
    const known = this.#underWay.get(serverName);
    if (known !== undefined) {
      known.step(input);
      return;
    }
    if (!this.#behind.has(serverName)) return;
    const waking = this.#waking.get(serverName) ?? this.#read(serverName);
    this.#waking.set(serverName, waking);
    await waking.finally(() => this.#waking.delete(serverName));
    this.#underWay.get(serverName)?.step(input);
  }

  /** The time of a server that is behind has come. */
  wakeDue(row: DestinationRow): void {
    this.#openBehind(row).step({ kind: 'due' });
  }

  /** These are behind no more, as their rows say now. */
  noteLive(recovered: readonly Destination[]): void {
    for (const destination of recovered) {
      // It may have failed again meanwhile; then its row says so.
      if (!destination.isRecovered) continue;
      destination.isRecovered = false;
      this.#behind.delete(destination.serverName);
      this.#release(destination);
    }
  }

  /** Lets go of those that wait, once that is written. */
  releaseWritten(): void {
    for (const destination of this.#underWay.values()) this.#release(destination);
  }

  /** Kept when nothing is under way; everything has to be aborted before. */
  async settled(): Promise<void> {
    await Promise.all(this.#waking.values());
    await Promise.all([...this.#underWay.values()].map((destination) => destination.settled()));
  }

  async #read(serverName: string): Promise<void> {
    const [row] = await this.#parts.storage.read(selectDestination, { serverName });
    if (row?.is_behind === 1 && !this.#parts.signal.aborted) this.#openBehind(row);
  }

  #openBehind(row: DestinationRow): Destination {
    const known = this.#underWay.get(row.server_name);
    return known ?? this.#open(row.server_name, startOf(row));
  }

  #open(serverName: string, start?: DestinationStart): Destination {
    const onChange = (destination: Destination) => this.#onChange(destination);
    const destination = new Destination(serverName, { ...this.#parts, onChange }, start);
    this.#underWay.set(serverName, destination);
    this.#parts.onOpen();
    return destination;
  }

  #onChange(destination: Destination): void {
    if (destination.state.name === 'idle') this.#release(destination);
    // Its row has to be there before anybody may look for it. Where it cannot be written, it is tried again later.
    else void this.#parts.records.flush().then(() => this.#release(destination));
  }

  #release(destination: Destination): void {
    const { serverName, state } = destination;
    if (this.#underWay.get(serverName) !== destination) return;
    if (state.name === 'idle' && !destination.isRecovered) {
      this.#underWay.delete(serverName);
      this.#parts.onRelease();
    }
    if (state.name === 'backing-off' && this.#parts.records.isWritten(serverName)) {
      this.#behind.add(serverName);
      this.#underWay.delete(serverName);
      this.#parts.onBackOff(state.retryAtMs);
      this.#parts.onRelease();
    }
  }
}

function startOf(row: DestinationRow): DestinationStart {
  return {
    state: { name: 'backing-off', failures: row.failures, triedAtMs: row.tried_ms, retryAtMs: row.next_try_ms },
    cursor: {
      eventPosition: row.event_position,
      stickyEffective: row.sticky_effective,
      stickyDue: row.sticky_due,
    },
  };
}
