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
  /** The body of the answer 401: it is no error by itself. */
  | { readonly isAuthorized: false; readonly challenge: JsonObject };

interface UiaSession {
  readonly operation: string;
  readonly userId: UserId | undefined;
  parameters: object;
  readonly passed: Map<string, string>;
}

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
    const session = known ?? { operation: operation.name, userId: operation.userId, parameters: {}, passed: new Map() };
    const parameters = Object.keys(sent).length > 0 ? sent : (session.parameters as Omit<Body, 'auth'>);
    await operation.validate?.(parameters);
    session.parameters = parameters;

    const id = known === undefined || named === undefined ? newSessionId(this.#platform.random) : named;
    const complaint =
      named !== undefined && known === undefined
        ? { errcode: 'M_UNKNOWN' as const, error: 'This session is not known, or has expired. Here is a new one.' }
        : await takeStep(operation, session, auth);
    const isDone = operation.flows.some((stages) => stages.every((stage) => session.passed.has(stage)));
    if (complaint === undefined && isDone && (known === undefined || this.#sessions.take(id))) {
      return { isAuthorized: true, parameters, evidence: session.passed };
    }
    this.#sessions.set(id, session);
    return { isAuthorized: false, challenge: challengeOf(operation, id, { session, complaint }) };
  }

  #find(id: string, operation: { name: string; userId: UserId | undefined }): UiaSession | undefined {
    const session = this.#sessions.get(id);
    return session?.operation === operation.name && session.userId === operation.userId ? session : undefined;
  }
}

/** `auth` without a type asks how far the session is. */
async function takeStep<Parameters>(
  operation: ProtectedOperation<Parameters>,
  session: UiaSession,
  auth: JsonObject | undefined,
): Promise<Complaint | undefined> {
  const type = auth?.type;
  if (auth === undefined || type === undefined) return undefined;
  const isOffered = typeof type === 'string' && operation.flows.some((stages) => stages.includes(type));
  const check = isOffered ? operation.stages[type] : undefined;
  if (!isOffered || check === undefined) {
    return { errcode: 'M_UNRECOGNIZED', error: 'This authentication type is not one of those that "flows" offers.' };
  }
  const verdict = await check(auth);
  if (!verdict.isPassed) return { errcode: verdict.errcode, error: verdict.reason };
  session.passed.set(type, verdict.evidence ?? '');
  return undefined;
}

function challengeOf<Parameters>(
  operation: ProtectedOperation<Parameters>,
  id: string,
  state: { session: UiaSession; complaint: Complaint | undefined },
): JsonObject {
  return {
    ...state.complaint,
    session: id,
    flows: operation.flows.map((stages) => ({ stages: [...stages] })),
    params: {},
    completed: [...state.session.passed.keys()],
  };
}
