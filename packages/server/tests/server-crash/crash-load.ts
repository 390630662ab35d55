import type { JsonObject } from '@limpet/protocol/json';
import { type MatrixClient, NoAnswer } from './matrix-client.ts';

/** Requests of each sender that are under way at once. */
const WORKERS = 4;
const STICKY = 'org.matrix.msc4354.sticky_duration_ms=3600000';

/** A request that has an event ID as its answer. */
export interface Asked {
  readonly client: MatrixClient;
  readonly path: string;
  readonly body: JsonObject;
  /** `undefined` when the server was killed before it answered. */
  eventId: string | undefined;
}

export interface Load {
  /** With a transaction ID, so that they may be repeated. */
  readonly sends: Asked[];
  readonly states: Asked[];
  acknowledged: number;
}

export interface LoadParts {
  readonly roomId: string;
  /** Who send messages, sticky ones and state. */
  readonly senders: readonly MatrixClient[];
  /** Who leaves and joins all the time. */
  readonly wanderer: MatrixClient;
  /** Who only sync. */
  readonly readers: readonly MatrixClient[];
  readonly round: number;
  /** Called after each acknowledged write. */
  readonly onAcknowledged: (count: number) => void;
}

/** Works until the server goes away. */
export async function load(parts: LoadParts): Promise<Load> {
  const done: Load = { sends: [], states: [], acknowledged: 0 };
  const workers = parts.senders.flatMap((client) =>
    Array.from({ length: WORKERS }, (_, worker) => untilGone(sender(parts, client, worker, done))),
  );
  const wandering = untilGone(wander(parts, done));
  const reading = parts.readers.map((client) => untilGone(read(client)));
  await Promise.all([...workers, wandering, ...reading]);
  return done;
}

async function untilGone(work: () => Promise<never>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
  }
}

function sender({ roomId, round, onAcknowledged }: LoadParts, client: MatrixClient, worker: number, done: Load) {
  return async (): Promise<never> => {
    for (let count = 0; ; count++) {
      const isState = count % 5 === 4;
      const query = count % 3 === 0 ? `?${STICKY}` : '';
      const path = isState
        ? `/rooms/${roomId}/state/org.example.state/${worker}`
        : `/rooms/${roomId}/send/m.room.message/r${round}w${worker}n${count}${query}`;
      const body = { msgtype: 'm.text', body: `${client.name} ${round} ${worker} ${count}` };
      const asked: Asked = { client, path, body, eventId: undefined };
      (isState ? done.states : done.sends).push(asked);
      asked.eventId = String((await client.ask('PUT', path, body)).event_id);
      done.acknowledged++;
      onAcknowledged(done.acknowledged);
    }
  };
}

function wander({ roomId, wanderer, onAcknowledged }: LoadParts, done: Load) {
  return async (): Promise<never> => {
    for (;;) {
      for (const change of ['join', 'leave']) {
        // What was under way when the server was killed may have been done.
        if (change === 'leave') await wanderer.ask('POST', `/rooms/${roomId}/join`, {});
        await wanderer.ask('POST', `/rooms/${roomId}/${change}`, {});
        done.acknowledged++;
        onAcknowledged(done.acknowledged);
      }
    }
  };
}

function read(client: MatrixClient) {
  return async (): Promise<never> => {
    for (;;) await client.sync(10_000);
  };
}
