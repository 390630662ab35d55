import { setTimeout as pause } from 'node:timers/promises';
import { attempt, type BenchContext } from '../bench-context.ts';
import { TargetFault } from '../faults.ts';
import { inParallel } from '../in-parallel.ts';
import type { MatrixUser } from '../matrix/matrix-user.ts';
import { OWN_SERVER_NAME } from '../read-options.ts';
import { Durations } from '../report/durations.ts';
import type { Unit } from '../report/report.ts';
import type { Federation } from '../targets/start-federation.ts';
import { CountingClient } from './counting-client.ts';
import { marker } from './marker.ts';
import { processorTimeMs } from './processor-time.ts';

const SCENARIO = 'federation-send';
/** Enough that one slow answer delays no other event. */
const SENDERS = 32;
const MAX_JOINING = 4;
/** From the last event on; what has not come by then never will. */
const MAX_DELIVERY_MS = 60_000;
const CHECK_MS = 20;

/** One server to many: time until the client of the last of them has an event. */
export async function measureFederationSend(context: BenchContext): Promise<void> {
  const subject = context.subjects.find(({ name }) => name === OWN_SERVER_NAME);
  if (subject === undefined) return;
  await attempt(context, { scenario: SCENARIO, subject }, async () => {
    await using federation = await context.startFederation(context.options.servers + 1);
    const sending = await new FederationSend(context, federation).measure();
    const figures: readonly [string, Unit, number | undefined][] = [
      ['rate until all had it', '/s', sending.rate],
      ['until the last server has it, p50', 'ms', sending.p50],
      ['until the last server has it, p99', 'ms', sending.p99],
      ["processor time of the sender's server, per event", 'ms', sending.senderMs],
      ['processor time of all servers, per event', 'ms', sending.allMs],
    ];
    for (const [text, unit, value] of figures) {
      if (value === undefined) continue;
      const name = `1 to ${context.options.servers}, ${context.options.rate}/s, ${text}`;
      context.report.add({ scenario: SCENARIO, name, unit, subject, value });
    }
  });
}

class FederationSend {
  readonly #context: BenchContext;
  readonly #federation: Federation;
  readonly #count: number;
  /** By event: when it was to be sent, how many have it, and when the last of these got it. */
  readonly #dueMs: Float64Array;
  readonly #receipts: Uint16Array;
  readonly #lastMs: Float64Array;
  #complete = 0;

  constructor(context: BenchContext, federation: Federation) {
    const { warmUpMs, durationMs, rate } = context.options;
    this.#context = context;
    this.#federation = federation;
    this.#count = Math.ceil(((warmUpMs + durationMs) * rate) / 1000);
    this.#dueMs = new Float64Array(this.#count);
    this.#receipts = new Uint16Array(this.#count);
    this.#lastMs = new Float64Array(this.#count);
  }

  async measure() {
    const { roomId, senders, clients } = await this.#prepare();
    const { progress, options } = this.#context;
    const running = Promise.all(clients.map((client) => client.run()));
    const bar = progress.begin('Events to all servers', this.#count);
    this.#onComplete = () => bar.advance();
    const used = this.#processorTimes();
    const begunMs = performance.now();
    try {
      await Promise.race([this.#sendAll(senders, roomId), running]);
      await Promise.race([this.#allDelivered(), running]);
    } finally {
      for (const client of clients) client.stop();
      await running.catch(() => undefined);
    }
    const spent = this.#processorTimes().map((ms, index) => ms - (used[index] ?? 0));
    const firstCounted = Math.ceil((options.warmUpMs * options.rate) / 1000);
    const durations = new Durations();
    for (let index = firstCounted; index < this.#count; index++) {
      durations.add((this.#lastMs[index] ?? 0) - (this.#dueMs[index] ?? 0));
    }
    const [p50, p99] = durations.percentiles(0.5, 0.99);
    const hasTimes = spent.length > 0 && spent.every((ms) => !Number.isNaN(ms));
    return {
      rate: this.#count / ((Math.max(...this.#lastMs) - begunMs) / 1000),
      p50,
      p99,
      senderMs: hasTimes ? (spent[0] ?? 0) / this.#count : undefined,
      allMs: hasTimes ? spent.reduce((sum, ms) => sum + ms, 0) / this.#count : undefined,
    };
  }

  #onComplete = (): void => undefined;

  async #prepare() {
    const [home, ...others] = this.#federation.members;
    if (home === undefined) throw new Error('A federation of none');
    const senders = await home.homeserver.registerUsers(SENDERS);
    const [owner, ...guests] = senders;
    if (owner === undefined) throw new Error('No user was registered');
    const roomId = await owner.createRoom();
    for (const guest of guests) await guest.join(roomId);
    const users = await Promise.all(others.map(async ({ homeserver }) => (await homeserver.registerUsers(1))[0]));
    const bar = this.#context.progress.begin('Joining the room from other servers', users.length);
    const clients: CountingClient[] = [];
    await inParallel(users.length, MAX_JOINING, async (index) => {
      const user = users[index];
      if (user === undefined) throw new Error('A server without a user');
      await user.join(roomId, home.serverName);
      const client = new CountingClient(user, this.#count, (event, atMs) => this.#receive(event, atMs));
      await client.begin();
      clients.push(client);
      bar.advance();
    });
    return { roomId, senders, clients };
  }

  /** Event N is due N intervals after the begin, whether those before it were answered or not. */
  async #sendAll(senders: readonly MatrixUser[], roomId: string): Promise<void> {
    const intervalMs = 1000 / this.#context.options.rate;
    const begunMs = performance.now();
    await inParallel(senders.length, senders.length, async (line) => {
      for (let index = line; index < this.#count; index += senders.length) {
        const dueMs = begunMs + index * intervalMs;
        this.#dueMs[index] = dueMs;
        const earlyMs = dueMs - performance.now();
        if (earlyMs > 0) await pause(earlyMs);
        const content = { msgtype: 'm.text', body: marker(index) };
        await senders[line]?.sendMessage(roomId, content, { transactionId: `federation-${index}` });
      }
    });
  }

  #receive(event: number, atMs: number): void {
    this.#lastMs[event] = atMs;
    const receipts = (this.#receipts[event] ?? 0) + 1;
    this.#receipts[event] = receipts;
    if (receipts < this.#context.options.servers) return;
    this.#complete++;
    this.#onComplete();
  }

  async #allDelivered(): Promise<void> {
    const deadlineMs = performance.now() + MAX_DELIVERY_MS;
    while (this.#complete < this.#count) {
      if (performance.now() > deadlineMs) {
        const missing = this.#count - this.#complete;
        throw new TargetFault(`${missing} of ${this.#count} events did not reach the client of every server`);
      }
      await pause(CHECK_MS);
    }
  }

  #processorTimes(): number[] {
    return this.#federation.members.map(({ processId }) => processorTimeMs(processId) ?? Number.NaN);
  }
}
