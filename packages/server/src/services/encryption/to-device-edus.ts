import { canonicalJsonSize, encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { utf8Length } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import type { ContentsByDevice } from './to-device-delivery.ts';

/** Largest content of an EDU, in bytes. An EDU as a whole may have 64 KiB. */
const MAX_CONTENT_BYTES = 65_000;

export interface MessagesOfSender {
  readonly sender: string;
  readonly type: string;
  readonly messages: readonly (readonly [userId: string, contents: ContentsByDevice])[];
}

/**
 * The contents of `m.direct_to_device` EDUs that bring these messages to one server, as canonical JSON texts: as few as
 * hold them. A single message is never cut, so whoever sends bounds it.
 * Specification: server-server API, "Send-to-device messaging".
 */
export function toDeviceEdus({ sender, type, messages }: MessagesOfSender, newMessageId: () => string): string[] {
  const room = MAX_CONTENT_BYTES - ENVELOPE_BYTES - utf8Length(JSON.stringify([sender, type]));
  const edus: string[] = [];
  let users = new Map<string, [string, JsonObject][]>();
  let bytes = 0;
  const close = () => {
    const byUser = [...users].map(([userId, contents]) => [userId, Object.fromEntries(contents)]);
    const content = { sender, type, message_id: newMessageId(), messages: Object.fromEntries(byUser) };
    edus.push(encodeCanonicalJson(content));
    users = new Map();
    bytes = 0;
  };
  for (const [userId, contents] of messages) {
    for (const [deviceId, content] of Object.entries(contents)) {
      const added = canonicalJsonSize({ [deviceId]: content }) + utf8Length(JSON.stringify(userId)) + SEPARATOR_BYTES;
      if (users.size > 0 && bytes + added > room) close();
      bytes += added;
      const ofUser = users.get(userId);
      if (ofUser === undefined) users.set(userId, [[deviceId, content]]);
      else ofUser.push([deviceId, content]);
    }
  }
  if (users.size > 0) close();
  return edus;
}

/** Names, braces and the message ID. */
const ENVELOPE_BYTES = 150;
const SEPARATOR_BYTES = 2;
