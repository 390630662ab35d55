import { hasValidContentHash } from './content-hash.ts';
import { signedTextOf } from './event-id.ts';
import { serverNameOf } from './identifiers.ts';
import { contentOf, type Pdu } from './pdu.ts';
import { redactPdu } from './redaction.ts';
import type { RoomVersion } from './room-version.ts';
import { type VerifyKeys, verifySignatureOf } from './signing.ts';
import { type Refusal, refused } from './verdict.ts';

/** Public keys of servers, by server name. Where keys expire, only those that held at `origin_server_ts`. */
export type VerifyKeysOfServers = ReadonlyMap<string, VerifyKeys>;

/** The event to go on with: itself, or its redacted form where its content is not the one that was signed. */
export type VerifiedEvent = { readonly allowed: true; readonly pdu: Pdu; readonly isRedacted: boolean } | Refusal;

/**
 * Signatures and content hash of an event, steps 2 and 3 of the checks on receipt of a PDU.
 * Specification: server-server API, "Validating hashes and signatures on received events".
 */
export function verifyEvent(pdu: Pdu, version: RoomVersion, keys: VerifyKeysOfServers): VerifiedEvent {
  const text = signedTextOf(pdu.json, version);
  for (const serverName of signingServersOf(pdu, version)) {
    const keysOfServer = keys.get(serverName) ?? NO_KEYS;
    const verdict = verifySignatureOf(serverName, { object: pdu.json, text, keys: keysOfServer });
    if (!verdict.allowed) {
      return refused(`${pdu.eventId}: ${verdict.reason}`);
    }
  }
  return hasValidContentHash(pdu.json)
    ? { allowed: true, pdu, isRedacted: false }
    : { allowed: true, pdu: redactPdu(pdu, version), isRedacted: true };
}

const NO_KEYS: VerifyKeys = new Map();

/**
 * The servers that must have signed the event: the sender's (unless it is an invite by a third party, which the
 * authorization rules check by the third party's own signature), the one that made the event ID where servers choose
 * it, and the authorising user's for a restricted join.
 */
export function signingServersOf(pdu: Pdu, version: RoomVersion): ReadonlySet<string> {
  const servers = new Set<string>();
  const membership = pdu.type === 'm.room.member' ? contentOf(pdu, 'membership') : undefined;
  if (membership !== 'invite' || contentOf(pdu, 'third_party_invite') === undefined) {
    addServerOf(servers, pdu.sender);
  }
  if (!version.eventIdIsHash) {
    addServerOf(servers, pdu.eventId);
  }
  const authorisingUser = contentOf(pdu, 'join_authorised_via_users_server');
  if (version.allowsRestrictedJoins && membership === 'join' && typeof authorisingUser === 'string') {
    addServerOf(servers, authorisingUser);
  }
  return servers;
}

/** What names no server at all stands as it is: nobody can have signed for it, so the event is refused. */
function addServerOf(servers: Set<string>, id: string): void {
  servers.add(serverNameOf(id) ?? id);
}
