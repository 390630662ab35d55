import type { HttpConnection, HttpRequest } from '../http/http-connection.ts';
import { refusal } from '../matrix/call.ts';
import type { Durations } from '../report/durations.ts';

export interface Sender {
  readonly connection: HttpConnection;
  /** What it sends as its so-manieth. */
  request(index: number): HttpRequest;
}

export interface Drive {
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Called between warm-up and measurement; what it gives is called at the end. */
  readonly begin: () => () => void;
  /** Takes the time of every request that counts. */
  readonly durations: Durations;
}

/**
 * Every sender sends its next request as soon as the last one is answered. Counted are the requests answered between
 * warm-up and end. Throws TargetFault at the first answer that is not 200: the rate of refusals means nothing.
 */
export async function driveSenders(senders: readonly Sender[], drive: Drive): Promise<void> {
  const { durations } = drive;
  const fromMs = performance.now() + drive.warmUpMs;
  const untilMs = fromMs + drive.durationMs;
  let end: (() => void) | undefined;
  let hasFailed = false;

  async function sendInRow({ connection, request }: Sender): Promise<void> {
    for (let index = 0; !hasFailed; index++) {
      const begunMs = performance.now();
      if (begunMs >= untilMs) return;
      if (begunMs >= fromMs) end ??= drive.begin();
      const next = request(index);
      const response = await connection.request(next);
      const answeredMs = performance.now();
      if (response.status !== 200) throw refusal(next, response);
      if (answeredMs >= fromMs && answeredMs < untilMs) durations.add(answeredMs - begunMs);
    }
  }

  const rows = senders.map((sender) =>
    sendInRow(sender).catch((error: unknown) => {
      hasFailed = true;
      throw error;
    }),
  );
  const ends = await Promise.allSettled(rows);
  end?.();
  const failed = ends.find((row) => row.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
