import { selectAuthEvents } from '@limpet/protocol/authorization/auth-event-selection';
import { authorizeEvent } from '@limpet/protocol/authorization/authorize-event';
import {
  type BuiltEvent,
  buildUnsignedEvent,
  type EventSigner,
  type UnsignedEvent,
} from '@limpet/protocol/build-event';
import { referenceHash } from '@limpet/protocol/event-id';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Pdu, StateMap } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import { signText } from '@limpet/protocol/signing';
import type { Platform } from '../../platform/platform.ts';

/** An event that a user of this server wants sent. */
export interface NewEvent {
  readonly sender: string;
  readonly type: string;
  readonly stateKey?: string | undefined;
  readonly content: JsonObject;
  /** The event that this one redacts. */
  readonly redacts?: string | undefined;
  /** Further top-level fields, signed with the event: `{ msc4354_sticky: { duration_ms: 60000 } }`. */
  readonly extraTopLevel?: JsonObject | undefined;
}

/** Where in a room an event is put: after these events, in that state. */
export interface EventContext {
  /** `undefined` for the create event of a room whose ID is its hash. */
  readonly roomId: string | undefined;
  readonly version: RoomVersion;
  readonly state: StateMap;
  readonly previous: readonly Pdu[];
}

export interface MadeEvent extends BuiltEvent {
  /** When it was made (A2), in milliseconds. */
  readonly receivedTs: number;
}

/** An event whose signature is under way. */
export interface BegunEvent extends Omit<MadeEvent, 'canonicalJson'> {
  readonly canonicalJson: Promise<string>;
}

/** Deepest number that canonical JSON can hold. Specification: server-server API, PDU, `depth`. */
const MAX_DEPTH = Number.MAX_SAFE_INTEGER;
const EVENT_ID_BYTES = 18;
/** Farther than this no timestamp is shifted: then the clock was set back. */
const MAX_SHIFT_MS = 1_000;

/** Makes the events of this server's users, and refuses those that the room does not allow. */
export class EventMaker {
  readonly #signer: EventSigner;
  readonly #platform: Pick<Platform, 'clock' | 'random' | 'signing'>;
  #lastRoomTs = 0;

  constructor(signer: EventSigner, platform: Pick<Platform, 'clock' | 'random' | 'signing'>) {
    this.#signer = signer;
    this.#platform = platform;
  }

  /** Throws M_FORBIDDEN where the rules refuse the event, M_BAD_JSON or M_TOO_LARGE where it cannot be one. */
  make(event: NewEvent, context: EventContext): MadeEvent {
    const { pdu, signedText, complete, receivedTs } = this.#makeUnsigned(event, context);
    // Of a restricted join the rules look at who signed it.
    const canonicalJson = complete(signText(signedText, this.#signer.key));
    authorize(pdu, context);
    return { pdu, canonicalJson, receivedTs };
  }

  /**
   * Like `make`, for what is no state, and so nobody looks at as a whole before it is on disk: the signature is made
   * meanwhile, elsewhere, and is in `pdu.json` and in the text once that is there.
   */
  begin(event: NewEvent, context: EventContext): BegunEvent {
    const { pdu, signedText, complete, receivedTs } = this.#makeUnsigned(event, context);
    authorize(pdu, context);
    return { pdu, canonicalJson: this.#platform.signing.sign(signedText, this.#signer.key).then(complete), receivedTs };
  }

  #makeUnsigned(event: NewEvent, context: EventContext): UnsignedEvent & { readonly receivedTs: number } {
    const { version, state, previous } = context;
    const authEvents = selectAuthEvents({ ...event, stateKey: event.stateKey }, state, version);
    const nowMs = this.#platform.clock.nowMs();
    const originServerTs = context.roomId === undefined ? this.#distinctTs(nowMs) : nowMs;
    const draft = {
      sender: event.sender,
      type: event.type,
      stateKey: event.stateKey,
      content: event.content,
      redacts: event.redacts,
      extraFields: event.extraTopLevel,
      prevEvents: previous.map((pdu) => pdu.eventId),
      authEvents: authEvents.map((pdu) => pdu.eventId),
      depth: Math.min(MAX_DEPTH, previous.reduce((depth, pdu) => Math.max(depth, pdu.depth), 0) + 1),
      originServerTs,
      ...(context.roomId === undefined ? {} : { roomId: context.roomId }),
      ...(version.eventIdIsHash ? {} : this.#chosenId([...previous, ...authEvents], version)),
    };
    return { ...buildUnsignedEvent(draft, version, this.#signer), receivedTs: nowMs };
  }

  /**
   * Nothing else tells apart two rooms whose ID is the hash of the create event, if one user makes them alike within a
   * millisecond: so no two have one timestamp.
   */
  #distinctTs(nowMs: number): number {
    const isTaken = nowMs <= this.#lastRoomTs && this.#lastRoomTs - nowMs < MAX_SHIFT_MS;
    this.#lastRoomTs = isTaken ? this.#lastRoomTs + 1 : nowMs;
    return this.#lastRoomTs;
  }

  /** Room versions 1 and 2: an event ID of our choice, and the hashes of the events that are named. */
  #chosenId(named: readonly Pdu[], version: RoomVersion): { eventId: string; referenceHashes: Map<string, string> } {
    const opaque = Buffer.from(this.#platform.random.bytes(EVENT_ID_BYTES)).toString('base64url');
    return {
      eventId: `$${opaque}:${this.#signer.serverName}`,
      referenceHashes: new Map(named.map((pdu) => [pdu.eventId, referenceHash(pdu.json, version)])),
    };
  }
}

function authorize(pdu: Pdu, { state, version }: EventContext): void {
  const verdict = authorizeEvent(pdu, state, version);
  if (!verdict.allowed) throw new MatrixError('M_FORBIDDEN', verdict.reason);
}
