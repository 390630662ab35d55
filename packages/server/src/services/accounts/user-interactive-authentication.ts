import type { UserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import type { Errcode } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { ExpiringMap } from './expiring-map.ts';
import { newSessionId } from './secrets.ts';

/** A session begun and not ended: time enough to look for a password. Each step taken starts it anew. */
const SESSION_LIFETIME_MS = 15 * 60_000;
/** Sessions at once; the oldest gives way. With the bodies that they remember this bounds the memory to 64 MiB. */
const MAX_SESSIONS = 1_000;
/** Largest body of a request that is protected this way: it is remembered. */
export const PROTECTED_BODY_LIMIT_BYTES = 65_536;

/** What one authentication type says of the `auth` that it was given. */
export type StageVerdict =
  | { readonly isPassed: true; readonly evidence?: string }
  | { readonly isPassed: false; readonly errcode: Errcode; readonly reason: string };

export type StageCheck = (auth: JsonObject) => Promise<StageVerdict>;

/** What a client has to prove itself for. */
export interface ProtectedOperation<Parameters> {
  /**
   * Names the endpoint and what of its path counts: a session serves the operation that it was begun for, and no
   * other.
   */
  readonly name: string;
  /** What it does, as somebody reads it who is to prove himself away from the client: "change your password". */
  readonly purpose: string;
  readonly userId: UserId | undefined;
  /** Each flow is the authentication types of which all are to be passed; one flow has to be done. */
  readonly flows: readonly (readonly string[])[];
  readonly stages: Readonly<Record<string, StageCheck>>;
  /** Throws when the parameters are wrong, before the client is asked to prove anything. */
  readonly validate?: (parameters: Parameters) => void | Promise<void>;
}

export type ProtectedBody = { readonly auth?: JsonObject };

export type Authorization<Parameters> =
  | {
      readonly isAuthorized: true;
      readonly parameters: Parameters;
      /** By authentication type: what its check found, such as the token that was used. */
      readonly evidence: ReadonlyMap<string, string>;
    }
  | Challenge;

/** The body of the answer 401: it is no error by itself. */
type Challenge = { readonly isAuthorized: false; readonly challenge: JsonObject };

/** A stage of a session, for a page on which the user passes it. */
export interface OpenStage {
  readonly purpose: string;
  readonly userId: UserId | undefined;
  readonly isPassed: boolean;
}

interface UiaSession {
  readonly operation: Stages & Pick<ProtectedOperation<never>, 'name' | 'purpose' | 'userId'>;
  readonly parameters: object;
  readonly passed: Map<string, string>;
}

type Stages = Pick<ProtectedOperation<never>, 'flows' | 'stages'>;

interface Complaint {
  readonly errcode: Errcode;
  readonly error: string;
}

/**
 * Asks a client to prove itself step by step, over several requests that a session ties together. The parameters of a
 * request are remembered, so that a later one needs to send `auth` alone. A session ends with the operation it was for.
 * Specification: client-server API, "User-Interactive Authentication API".
 */
export class UserInteractiveAuthentication {
  readonly #platform: Platform;
  readonly #sessions: ExpiringMap<UiaSession>;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#sessions = new ExpiringMap({
      clock: platform.clock,
      lifetimeMs: SESSION_LIFETIME_MS,
      maxEntries: MAX_SESSIONS,
    });
  }

  async authorize<Body extends ProtectedBody>(
    operation: ProtectedOperation<Omit<Body, 'auth'>>,
    body: Body,
  ): Promise<Authorization<Omit<Body, 'auth'>>> {
    const { auth, ...sent } = body;
    const named = typeof auth?.session === 'string' ? auth.session : undefined;
    const known = named === undefined ? undefined : this.#find(named, operation);
    const parameters = Object.keys(sent).length > 0 ? sent : ((known?.parameters ?? {}) as Omit<Body, 'auth'>);
    await operation.validate?.(parameters);
    const session = known ?? { operation, parameters, passed: new Map<string, string>() };
    // What is asked for may differ from what it was at the beginning: registration tokens come and go.
    Object.assign(session, { operation, parameters });
    if (named !== undefined && known === undefined) return this.#beginAnew(operation, parameters);

    const complaint = await takeStep(operation, session.passed, auth);
    // Another request that came meanwhile may have ended the session, and with it all that was proven in it.
    if (named !== undefined && this.#sessions.get(named) !== session) return this.#beginAnew(operation, parameters);
    const isDone = operation.flows.some((stages) => stages.every((stage) => session.passed.has(stage)));
    if (complaint === undefined && isDone) {
      if (named !== undefined) this.#sessions.take(named);
      return { isAuthorized: true, parameters, evidence: session.passed };
    }
    return this.#goOn(named ?? newSessionId(this.#platform.random), session, complaint);
  }

  #beginAnew(operation: UiaSession['operation'], parameters: object): Challenge {
    const error = 'This session is not known, or has expired. Here is a new one.';
    const session = { operation, parameters, passed: new Map() };
    return this.#goOn(newSessionId(this.#platform.random), session, { errcode: 'M_UNKNOWN', error });
  }

  #goOn(id: string, session: UiaSession, complaint: Complaint | undefined): Challenge {
    this.#sessions.set(id, session);
    return { isAuthorized: false, challenge: challengeOf(id, session, complaint) };
  }

  /** The stage of this session; `undefined` where there is no such session, or it has no such stage. */
  stageOf(id: string, type: string): OpenStage | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined || !isOffered(session.operation, type)) return undefined;
    const { purpose, userId } = session.operation;
    return { purpose, userId, isPassed: session.passed.has(type) };
  }

  /**
   * Passes a stage away from the client's request, which goes through when it comes again with the session alone. The
   * verdict is `undefined` where `stageOf` is. Specification: client-server API, "Fallback".
   */
  async passStage(id: string, auth: JsonObject & { readonly type: string }): Promise<StageVerdict | undefined> {
    const session = this.#sessions.get(id);
    if (session === undefined || !isOffered(session.operation, auth.type)) return undefined;
    const complaint = await takeStep(session.operation, session.passed, auth);
    if (this.#sessions.get(id) !== session) return undefined;
    this.#sessions.set(id, session);
    return complaint === undefined
      ? { isPassed: true }
      : { isPassed: false, errcode: complaint.errcode, reason: complaint.error };
  }

  #find(id: string, { name, userId }: Pick<UiaSession['operation'], 'name' | 'userId'>): UiaSession | undefined {
    const session = this.#sessions.get(id);
    return session?.operation.name === name && session.operation.userId === userId ? session : undefined;
  }
}

function isOffered({ flows, stages }: Stages, type: string): boolean {
  return Object.hasOwn(stages, type) && flows.some((flow) => flow.includes(type));
}

/** `auth` without a type asks how far the session is. A stage that was passed is not tried again. */
async function takeStep(
  operation: Stages,
  passed: Map<string, string>,
  auth: JsonObject | undefined,
): Promise<Complaint | undefined> {
  const type = auth?.type;
  if (auth === undefined || type === undefined) return undefined;
  const check = typeof type === 'string' && isOffered(operation, type) ? operation.stages[type] : undefined;
  if (typeof type !== 'string' || check === undefined) {
    return { errcode: 'M_UNRECOGNIZED', error: 'This authentication type is not one of those that "flows" offers.' };
  }
  if (passed.has(type)) return undefined;
  const verdict = await check(auth);
  if (!verdict.isPassed) return { errcode: verdict.errcode, error: verdict.reason };
  passed.set(type, verdict.evidence ?? '');
  return undefined;
}

function challengeOf(id: string, { operation, passed }: UiaSession, complaint: Complaint | undefined): JsonObject {
  return {
    ...complaint,
    session: id,
    flows: operation.flows.map((stages) => ({ stages: [...stages] })),
    params: {},
    completed: [...passed.keys()],
  };
}
