import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import type { JsonObject } from '@limpet/protocol/json';
import { parsePdu } from '@limpet/protocol/parse-pdu';
import type { Pdu } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import { signaturesOf, type VerifyKeys } from '@limpet/protocol/signing';
import type { Refusal } from '@limpet/protocol/verdict';
import { signingServersOf, type VerifyKeysOfServers, verifyEvent } from '@limpet/protocol/verify-event';
import type { ServerKeys, WantedKey } from '../remote-servers/remote-servers.ts';
import type { ReceivedEvent } from './received-event.ts';

export interface Verification {
  readonly version: RoomVersion;
  readonly keys: ServerKeys;
  /** Our clock when the events arrived (A2). */
  readonly receivedTs: number;
}

/** The events as they go on, or why one is refused, in the order they came. */
export type Verified = { readonly allowed: true; readonly event: ReceivedEvent } | Refusal;

/**
 * The first three checks of events from elsewhere: format, signatures, content hash. The keys of all are asked for at
 * once. Specification: server-server API, "Checks performed on receipt of a PDU".
 */
export async function verifyReceived(objects: readonly JsonObject[], verification: Verification): Promise<Verified[]> {
  const { version, receivedTs } = verification;
  const parsed = objects.map((object) => parsePdu(object, version));
  const pdus = parsed.flatMap((one) => (one.allowed ? [one.pdu] : []));
  const keys = await findKeys(pdus, verification);
  return parsed.map((one) => {
    if (!one.allowed) return one;
    const verified = verifyEvent(one.pdu, version, keys.get(one.pdu) ?? new Map());
    if (!verified.allowed) return verified;
    const { pdu } = verified;
    return { allowed: true, event: { pdu, canonicalJson: encodeCanonicalJson(pdu.json), receivedTs } };
  });
}

async function findKeys(pdus: readonly Pdu[], verification: Verification): Promise<Map<Pdu, VerifyKeysOfServers>> {
  const { version, keys } = verification;
  const wanted: (WantedKey & { pdu: Pdu })[] = pdus.flatMap((pdu) =>
    [...signingServersOf(pdu, version)].flatMap((serverName) =>
      signaturesOf(pdu.json, serverName).map(({ keyId }) => {
        const validAt = version.enforcesKeyValidity ? pdu.originServerTs : undefined;
        return { pdu, serverName, keyId, validAt };
      }),
    ),
  );
  const found = await keys.find(wanted);
  const byPdu = new Map<Pdu, Map<string, VerifyKeys>>();
  for (const [index, { pdu, serverName, keyId }] of wanted.entries()) {
    const key = found[index];
    if (key === undefined) continue;
    const ofServers = byPdu.get(pdu) ?? new Map<string, VerifyKeys>();
    byPdu.set(pdu, ofServers);
    ofServers.set(serverName, new Map(ofServers.get(serverName)).set(keyId, key));
  }
  return byPdu;
}
