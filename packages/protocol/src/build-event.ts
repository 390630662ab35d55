import { encodeCanonicalJson } from './canonical-json.ts';
import { checkCanonicalJson } from './check-canonical-json.ts';
import { hashOfText } from './content-hash.ts';
import { eventIdOfSignedText } from './event-id.ts';
import { checkFieldSizes, checkTotalSize } from './event-size.ts';
import { asEventId, serverNameOf, utf8Length } from './identifiers.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { type Errcode, MatrixError } from './matrix-error.ts';
import { MAX_AUTH_EVENTS, MAX_PREV_EVENTS, trustedPdu } from './parse-pdu.ts';
import type { Pdu } from './pdu.ts';
import { redactContent, topLevelKeys } from './redaction.ts';
import type { RoomVersion } from './room-version.ts';
import { type SigningKey, signText } from './signing.ts';
import type { Verdict } from './verdict.ts';

/** What an event is to be; the room version decides how that is written down. */
export interface EventDraft {
  /** Absent only for the create event of a room whose ID is its hash. */
  readonly roomId?: string;
  readonly sender: string;
  readonly type: string;
  readonly stateKey?: string | undefined;
  readonly content: JsonObject;
  readonly prevEvents: readonly string[];
  readonly authEvents: readonly string[];
  readonly depth: number;
  /** In milliseconds. */
  readonly originServerTs: number;
  readonly redacts?: string | undefined;
  /** Further top-level fields that are signed with the event, such as the sticky one. */
  readonly extraFields?: JsonObject | undefined;
  /** Where event IDs are no hashes: a new ID that nobody can guess, and the reference hash of each event named. */
  readonly eventId?: string;
  readonly referenceHashes?: ReadonlyMap<string, string>;
}

/** Who signs: a server, with its key. */
export interface EventSigner {
  readonly serverName: string;
  readonly key: SigningKey;
}

export interface BuiltEvent {
  readonly pdu: Pdu;
  /** The canonical JSON of `pdu.json`, ready to be stored and sent: making it again would cost as much as hashing. */
  readonly canonicalJson: string;
}

/** An event that lacks our signature and nothing else; its ID does not depend on it. */
export interface UnsignedEvent {
  /** `complete` adds the signature to its `json`. */
  readonly pdu: Pdu;
  /** What the signature is over. */
  readonly signedText: string;
  /** Takes our signature of `signedText`, in unpadded Base64, and gives the canonical JSON of the whole. */
  complete(signature: string): string;
}

/**
 * Makes an event: hashed, signed, with its ID. Throws M_BAD_JSON where the content cannot be canonical JSON and
 * M_TOO_LARGE where a limit is passed: those are what clients can cause.
 * Specification: server-server API, "Adding hashes and signatures to outgoing events".
 */
export function buildEvent(draft: EventDraft, version: RoomVersion, signer: EventSigner): BuiltEvent {
  const unsigned = buildUnsignedEvent(draft, version, signer);
  return { pdu: unsigned.pdu, canonicalJson: unsigned.complete(signText(unsigned.signedText, signer.key)) };
}

/** The same without the signature, for who has it made elsewhere; throws what `buildEvent` throws. */
export function buildUnsignedEvent(draft: EventDraft, version: RoomVersion, signer: EventSigner): UnsignedEvent {
  const fields = fieldsOf(draft, version);
  refuseUnless(checkCanonicalJson(fields, version), 'M_BAD_JSON');
  refuseUnless(checkFieldSizes(fields), 'M_TOO_LARGE');

  const texts = textsOf(fields);
  const hashes = { sha256: hashOfText(joinFields(texts)) };
  texts.set('hashes', encodeCanonicalJson(hashes));
  const signedText = signedTextFrom(texts, fields, version);

  function textWith(signatures: JsonObject): string {
    texts.set('signatures', encodeCanonicalJson(signatures));
    return joinFields(texts);
  }
  function complete(signature: string): string {
    const signatures = signaturesOf(signer, signature);
    json.signatures = signatures;
    return textWith(signatures);
  }
  const json: JsonObject = { ...fields, hashes };
  const eventId = version.eventIdIsHash ? eventIdOfSignedText(signedText, version) : draft.eventId;
  const pdu = trustedPdu(json, version, eventId);
  // All signatures are equally long, so the size is known before there is one.
  const sizeBytes = utf8Length(textWith(signaturesOf(signer, SIGNATURE_PLACEHOLDER)));
  refuseUnless(checkTotalSize(sizeBytes), 'M_TOO_LARGE');
  return { pdu, signedText, complete };
}

function signaturesOf({ serverName, key }: EventSigner, signature: string): JsonObject {
  return { [serverName]: { [key.keyId]: signature } };
}

/** As long as an Ed25519 signature in unpadded Base64. */
const SIGNATURE_PLACEHOLDER = 'A'.repeat(86);

/** The event as JSON before it is hashed and signed. */
function fieldsOf(draft: EventDraft, version: RoomVersion): JsonObject {
  checkDraft(draft, version);
  const redactsInContent = draft.redacts !== undefined && version.redactsIsInContent;
  const fields: JsonObject = {
    auth_events: referencesOf(draft.authEvents, draft, version),
    content: redactsInContent ? { ...draft.content, redacts: draft.redacts as string } : draft.content,
    depth: draft.depth,
    origin_server_ts: draft.originServerTs,
    prev_events: referencesOf(draft.prevEvents, draft, version),
    sender: draft.sender,
    type: draft.type,
  };
  if (draft.roomId !== undefined) fields.room_id = draft.roomId;
  if (draft.stateKey !== undefined) fields.state_key = draft.stateKey;
  if (draft.redacts !== undefined && !redactsInContent) fields.redacts = draft.redacts;
  if (draft.eventId !== undefined) fields.event_id = draft.eventId;
  for (const [key, value] of Object.entries(draft.extraFields ?? {})) {
    if (RESERVED_FIELDS.has(key) || !/^[A-Za-z0-9_.-]+$/.test(key)) {
      throw new Error(`${key} is no extra field of an event.`);
    }
    fields[key] = value;
  }
  return fields;
}

/** Fields that are ours to fill, or that no event carries when it is signed. */
const RESERVED_FIELDS: ReadonlySet<string> = new Set([
  ...['auth_events', 'content', 'depth', 'event_id', 'hashes', 'origin_server_ts', 'prev_events', 'redacts', 'room_id'],
  ...['sender', 'signatures', 'state_key', 'type', 'unsigned', 'age_ts', '__proto__'],
]);

/** What only our own mistakes can get wrong. */
function checkDraft(draft: EventDraft, version: RoomVersion): void {
  const namesItself = draft.eventId !== undefined && serverNameOf(draft.eventId) !== undefined;
  if (version.eventIdIsHash ? draft.eventId !== undefined : !namesItself || asEventId(draft.eventId) === undefined) {
    throw new Error(`An event of room version ${version.id} must${version.eventIdIsHash ? ' not' : ''} bring its ID.`);
  }
  const isHashedCreate = version.roomIdIsCreateHash && draft.type === 'm.room.create' && draft.stateKey === '';
  if ((draft.roomId === undefined) !== isHashedCreate) {
    throw new Error(
      `A ${draft.type} event of room version ${version.id} ${isHashedCreate ? 'has no' : 'needs a'} room ID.`,
    );
  }
  if (draft.prevEvents.length > MAX_PREV_EVENTS || draft.authEvents.length > MAX_AUTH_EVENTS) {
    throw new Error(`${draft.prevEvents.length} prev_events, ${draft.authEvents.length} auth_events: too many.`);
  }
}

function referencesOf(eventIds: readonly string[], draft: EventDraft, version: RoomVersion): JsonValue[] {
  return version.eventIdIsHash ? [...eventIds] : eventIds.map((id) => [id, { sha256: referenceHashFrom(draft, id) }]);
}

function referenceHashFrom(draft: EventDraft, eventId: string): string {
  const hash = draft.referenceHashes?.get(eventId);
  if (hash === undefined) {
    throw new Error(`The reference hash of ${eventId} is missing.`);
  }
  return hash;
}

/**
 * Each field is encoded once; the three texts of an event differ in which fields they hold. They are in order, with a
 * place for `hashes` and `signatures`, which are `undefined` until they are known.
 */
type FieldTexts = Map<string, string | undefined>;

function textsOf(fields: JsonObject): FieldTexts {
  const keys = Object.keys(fields);
  keys.push('hashes', 'signatures');
  const texts: FieldTexts = new Map();
  for (const key of keys.sort()) {
    const value = fields[key];
    texts.set(key, value === undefined ? undefined : encodeCanonicalJson(value));
  }
  return texts;
}

/** What `signedTextOf` would give: the fields that redaction keeps, with the content that it leaves. */
function signedTextFrom(texts: FieldTexts, fields: JsonObject, version: RoomVersion): string {
  const content = fields.content as JsonObject;
  const redacted = redactContent(fields.type, content, version);
  const contentText = redacted === content ? undefined : encodeCanonicalJson(redacted);
  const keptKeys = topLevelKeys(version);
  return joinFields(texts, (key, text) => {
    if (!keptKeys.includes(key)) return undefined;
    return key === 'content' && contentText !== undefined ? contentText : text;
  });
}

/** No key needs an escape: `fieldsOf` sees to it. */
function joinFields(texts: FieldTexts, change = (_key: string, text: string): string | undefined => text): string {
  let joined = '';
  texts.forEach((text, key) => {
    const changed = text === undefined ? undefined : change(key, text);
    if (changed !== undefined) joined += `${joined === '' ? '{' : ','}"${key}":${changed}`;
  });
  return `${joined}}`;
}

function refuseUnless(verdict: Verdict, errcode: Errcode): void {
  if (!verdict.allowed) {
    throw new MatrixError(errcode, verdict.reason);
  }
}
