import { UsageFault } from '../faults.ts';
import { HttpConnection } from '../http/http-connection.ts';
import { inParallel } from '../in-parallel.ts';
import type { Progress } from '../report/progress.ts';
import type { Subject } from '../targets/subject.ts';
import { readJson, send } from './call.ts';
import type { MatrixUser } from './matrix-user.ts';
import { registerUser } from './register-user.ts';

/** Registrations at once: a server hashes a password for each. */
const MAX_REGISTERING = 8;

const STICKY_FEATURE = 'org.matrix.msc4354';
const DELAYED_FEATURE = 'org.matrix.msc4140';
const SLIDING_SYNC_FEATURE = 'org.matrix.simplified_msc3575';

export interface RunDetails {
  /** Makes the names of users differ from those of any run before. */
  readonly runId: string;
  readonly registrationToken: string | undefined;
  readonly progress: Progress;
}

/** A target as the bench uses it. */
export class Homeserver {
  readonly subject: Subject;
  readonly hasStickyEvents: boolean;
  readonly hasDelayedEvents: boolean;
  readonly hasSlidingSync: boolean;
  readonly #details: RunDetails;
  #userCount = 0;

  private constructor(subject: Subject, details: RunDetails, features: Readonly<Record<string, unknown>>) {
    this.subject = subject;
    this.#details = details;
    this.hasStickyEvents = features[STICKY_FEATURE] === true;
    this.hasDelayedEvents = features[DELAYED_FEATURE] === true;
    this.hasSlidingSync = features[SLIDING_SYNC_FEATURE] === true;
  }

  /** Asks for its versions. Throws UsageFault when nothing answers there, or something that is no homeserver. */
  static async open(subject: Subject, details: RunDetails): Promise<Homeserver> {
    const { origin } = subject.url;
    const connection = new HttpConnection(subject.url);
    const request = { method: 'GET', path: '/_matrix/client/versions' } as const;
    try {
      const response = await send(connection, request);
      if (response.status !== 200) throw new UsageFault(`${origin} answers ${response.status} to ${request.path}`);
      const features = readJson(response).unstable_features as Record<string, unknown> | undefined;
      return new Homeserver(subject, details, features ?? {});
    } catch (error) {
      throw new UsageFault(`No homeserver answers at ${origin}: ${(error as Error).message}`);
    } finally {
      connection.close();
    }
  }

  /** Makes so many accounts, several at a time. */
  async registerUsers(count: number): Promise<MatrixUser[]> {
    const { runId, registrationToken, progress } = this.#details;
    const { url: target, name } = this.subject;
    const registrars = Array.from({ length: Math.min(MAX_REGISTERING, count) }, () => new HttpConnection(target));
    const users: MatrixUser[] = new Array(count);
    const bar = progress.begin(`${name}: registering users`, count);
    const first = this.#userCount;
    this.#userCount += count;
    await inParallel(count, registrars.length, async (index, line) => {
      const connection = registrars[line];
      if (connection === undefined) throw new Error('A line without a connection');
      const registrar = { target, connection, registrationToken };
      users[index] = await registerUser(registrar, `bench-${runId}-${first + index}`);
      bar.advance();
    });
    for (const connection of registrars) connection.close();
    return users;
  }
}
