import type { KeyObject } from 'node:crypto';
import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { signedTextOf } from '@limpet/protocol/event-id';
import { asServerName } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Pdu } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import { signaturesOf, verifyKeyFromBase64, verifySignatureOf } from '@limpet/protocol/signing';
import type { Clock } from '../../platform/clock.ts';
import { RemoteServerError, type RemoteServers } from '../remote-servers/remote-servers.ts';
import type { MadeEvent } from './event-maker.ts';
import type { ReceivedEvent } from './received-event.ts';
import type { RoomRecord } from './room-event.ts';
import type { RoomServers } from './room-servers.ts';
import type { StateStore } from './state-store.ts';

/** A room's turn, or a lane's, waits for the answer. */
const ASK_TIMEOUT_MS = 5_000;
/** After no answer, nobody is kept waiting for the next one for so long. */
const PAUSE_MS = 15_000;
/** Events wait so long for a policy server that is away; then those without its signature are refused. */
const MAX_AWAY_MS = 300_000;
/** Questions of one call that are under way at once. */
const MAX_AT_ONCE = 8;
/** Policy servers of which it is known that they are away. */
const MAX_AWAY = 1_000;

const KEY_ID = 'ed25519:policy_server';

export interface PolicyServersParts {
  readonly state: Pick<StateStore, 'current'>;
  readonly roomServers: Pick<RoomServers, 'in'>;
  readonly remote: Pick<RemoteServers, 'request'>;
  readonly clock: Clock;
}

/** The policy server of a room, as its state has it. */
interface RoomPolicy {
  readonly via: string;
  readonly key: KeyObject;
}

/** What a policy server says of an event: it signs it, or not. */
type Judgement =
  | { readonly allowed: true; readonly json: JsonObject }
  | { readonly allowed: false; readonly reason: string };

/**
 * Asks the policy servers of rooms whether events are welcome (H1). Which one counts is read from the room's current
 * state. Specification: client-server API, "Policy Servers"; server-server API, `POST /_matrix/policy/v1/sign`.
 */
export class PolicyServers {
  readonly #parts: PolicyServersParts;
  /** Since when a server did not answer, and when it was asked last; on the monotonic clock. */
  readonly #away = new Map<string, { readonly sinceMs: number; lastMs: number }>();

  constructor(parts: PolicyServersParts) {
    this.#parts = parts;
  }

  /** `undefined` for a room that has none, or names one that is not in the room. */
  async #of(room: RoomRecord): Promise<RoomPolicy | undefined> {
    const event = await this.#parts.state.current(room, 'm.room.policy', '');
    const policy = event === undefined ? undefined : readPolicy(event.pdu.content);
    if (policy === undefined) return undefined;
    return (await this.#parts.roomServers.in(room)).has(policy.via) ? policy : undefined;
  }

  /** Whether there is anything to ask, or to refuse, about these events. */
  async isToBeAsked(room: RoomRecord, events: readonly ReceivedEvent[]): Promise<boolean> {
    const policy = await this.#of(room);
    return policy !== undefined && events.some(({ pdu }) => !isWelcome(pdu, policy, room.version));
  }

  /** The events as they go on: with the signature that they lacked, or with the reason why they are refused. */
  async apply(room: RoomRecord, events: readonly ReceivedEvent[]): Promise<readonly ReceivedEvent[]> {
    const policy = await this.#of(room);
    if (policy === undefined) return events;
    const applied: ReceivedEvent[] = [];
    for (let first = 0; first < events.length; first += MAX_AT_ONCE) {
      const part = events.slice(first, first + MAX_AT_ONCE);
      applied.push(...(await Promise.all(part.map((event) => this.#applyTo(event, policy, room)))));
    }
    return applied;
  }

  /** An event of our own as it is to be sent. Throws M_FORBIDDEN where the policy server of the room says no. */
  async approve(room: RoomRecord, made: MadeEvent): Promise<MadeEvent> {
    const [approved] = await this.apply(room, [made]);
    if (approved?.refusedBecause !== undefined) throw new MatrixError('M_FORBIDDEN', approved.refusedBecause);
    return approved ?? made;
  }

  /** Throws when the policy server is away, unless it has been for so long that its silence counts as a no. */
  async #judge(pdu: Pdu, policy: RoomPolicy, version: RoomVersion): Promise<Judgement> {
    if (isWelcome(pdu, policy, version)) return { allowed: true, json: pdu.json };
    if (signaturesOf(pdu.json, policy.via).some(({ keyId }) => keyId === KEY_ID)) {
      return { allowed: false, reason: "The signature of the room's policy server is wrong." };
    }
    const answer = await this.#ask(policy.via, pdu.json);
    const signed = answer === undefined ? undefined : withSignature(pdu.json, policy.via, answer);
    return signed !== undefined && hasSignature(signed, policy, version)
      ? { allowed: true, json: signed }
      : { allowed: false, reason: "The room's policy server does not sign the event." };
  }

  async #applyTo(event: ReceivedEvent, policy: RoomPolicy, room: RoomRecord): Promise<ReceivedEvent> {
    const judgement = await this.#judge(event.pdu, policy, room.version);
    if (!judgement.allowed) return { ...event, refusedBecause: judgement.reason };
    if (judgement.json === event.pdu.json) return event;
    return {
      ...event,
      pdu: { ...event.pdu, json: judgement.json },
      canonicalJson: encodeCanonicalJson(judgement.json),
    };
  }

  /** What it signs; `undefined` when it says no. */
  async #ask(via: string, json: JsonObject): Promise<JsonValue | undefined> {
    const nowMs = this.#parts.clock.monotonicMs();
    const away = this.#away.get(via);
    if (away !== undefined && nowMs - away.lastMs < PAUSE_MS) return noAnswer(away.sinceMs, nowMs);
    try {
      const request = {
        method: 'POST',
        path: '/_matrix/policy/v1/sign',
        body: json,
        timeoutMs: ASK_TIMEOUT_MS,
      } as const;
      const answer = await this.#parts.remote.request(via, request);
      this.#away.delete(via);
      return answer;
    } catch (error) {
      if (!(error instanceof RemoteServerError)) throw error;
      if (isNo(error)) {
        this.#away.delete(via);
        return undefined;
      }
      return noAnswer(this.#noteAway(via, nowMs), nowMs);
    }
  }

  #noteAway(via: string, nowMs: number): number {
    const away = this.#away.get(via) ?? { sinceMs: nowMs, lastMs: nowMs };
    away.lastMs = nowMs;
    this.#away.set(via, away);
    const [oldest] = this.#away.keys();
    if (this.#away.size > MAX_AWAY && oldest !== undefined) this.#away.delete(oldest);
    return away.sinceMs;
  }
}

/** Everything but asking to wait and failing is an answer. */
function isNo({ kind, status = 0 }: RemoteServerError): boolean {
  return kind === 'bad-answer' || (kind === 'refused' && status < 500 && status !== 429);
}

function noAnswer(sinceMs: number, nowMs: number): undefined {
  if (nowMs - sinceMs >= MAX_AWAY_MS) return undefined;
  throw new MatrixError('M_UNKNOWN', "The room's policy server does not answer. Try again later.", {
    status: 503,
    extra: { retry_after_ms: PAUSE_MS },
  });
}

function readPolicy({ via, public_keys: keys }: JsonObject): RoomPolicy | undefined {
  const serverName = asServerName(via);
  const text = isJsonObject(keys) ? keys.ed25519 : undefined;
  const key = typeof text === 'string' ? verifyKeyFromBase64(text) : undefined;
  return serverName === undefined || key === undefined ? undefined : { via: serverName, key };
}

/** The event that names the policy server needs no signature: so a room can be rid of it. */
function isWelcome(pdu: Pdu, policy: RoomPolicy, version: RoomVersion): boolean {
  return (pdu.type === 'm.room.policy' && pdu.stateKey === '') || hasSignature(pdu.json, policy, version);
}

function hasSignature(json: JsonObject, { via, key }: RoomPolicy, version: RoomVersion): boolean {
  if (!signaturesOf(json, via).some(({ keyId }) => keyId === KEY_ID)) return false;
  const text = signedTextOf(json, version);
  return verifySignatureOf(via, { object: json, text, keys: new Map([[KEY_ID, key]]) }).allowed;
}

/** The event with the policy server's signature, beside what that server may have signed as the sender's. */
function withSignature(json: JsonObject, via: string, answer: JsonValue): JsonObject | undefined {
  const ofServer = isJsonObject(answer) && Object.hasOwn(answer, via) ? answer[via] : undefined;
  const signature = isJsonObject(ofServer) ? ofServer[KEY_ID] : undefined;
  if (typeof signature !== 'string') return undefined;
  const signatures = isJsonObject(json.signatures) ? json.signatures : {};
  const before = Object.hasOwn(signatures, via) && isJsonObject(signatures[via]) ? signatures[via] : {};
  return { ...json, signatures: { ...signatures, [via]: { ...before, [KEY_ID]: signature } } };
}
