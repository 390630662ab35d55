import { serverNameOf } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { signaturesOf } from '@limpet/protocol/signing';
import type { Timers } from '../../../platform/timers.ts';
import type { ServerKeys, WantedKey } from '../../remote-servers/remote-servers.ts';
import { breathe } from '../breathe.ts';
import type { ReceivedEvent } from '../received-event.ts';
import { type Verification, verifyReceived } from '../verify-received.ts';

/** Events that are checked before others have their turn: some 10 ms of work. */
const EVENTS_PER_TURN = 100;

export interface VerifiedMany {
  readonly events: readonly ReceivedEvent[];
  /** How many were refused, and why the first of them was. */
  readonly refused: number;
  readonly firstReason: string | undefined;
}

/**
 * The first three checks of as many events as the state of a large room has, each once, with everything else going on
 * in between. Those that are refused are left out.
 *
 * All keys are asked for at once and before, so that a thousand servers of which some are gone cost one wait and not
 * one a slice.
 */
export async function verifyMany(
  objects: readonly JsonValue[],
  verification: Verification,
  timers: Timers,
): Promise<VerifiedMany> {
  const distinct = distinctEvents(objects);
  const keys = await loadKeys(distinct, verification.keys);
  const events: ReceivedEvent[] = [];
  let refused = 0;
  let firstReason: string | undefined;
  for (let first = 0; first < distinct.length; first += EVENTS_PER_TURN) {
    if (first > 0) await breathe(timers);
    const some = distinct.slice(first, first + EVENTS_PER_TURN);
    for (const verified of await verifyReceived(some, { ...verification, keys })) {
      if (verified.allowed) events.push(verified.event);
      else {
        refused++;
        firstReason ??= verified.reason;
      }
    }
  }
  return { events, refused, firstReason };
}

/** By content hash, which two different events do not share, without the cost of computing event IDs twice. */
function distinctEvents(objects: readonly JsonValue[]): JsonObject[] {
  const seen = new Set<string>();
  return objects.filter(isJsonObject).filter(({ hashes }) => {
    const hash = isJsonObject(hashes) ? hashes.sha256 : undefined;
    // What has no hash is refused later.
    if (typeof hash !== 'string') return true;
    if (seen.has(hash)) return false;
    seen.add(hash);
    return true;
  });
}

/** Brings the keys of all senders into memory. Those that are not to be had are not asked for again. */
async function loadKeys(objects: readonly JsonObject[], keys: ServerKeys): Promise<ServerKeys> {
  const wanted = new Map<string, WantedKey>();
  for (const object of objects) {
    const serverName = typeof object.sender === 'string' ? serverNameOf(object.sender) : undefined;
    if (serverName === undefined) continue;
    for (const { keyId } of signaturesOf(object, serverName)) {
      wanted.set(`${serverName} ${keyId}`, { serverName, keyId, validAt: undefined });
    }
  }
  const found = await keys.find([...wanted.values()]);
  const absent = new Set([...wanted.keys()].filter((_name, index) => found[index] === undefined));
  return {
    async find(asked) {
      const open = asked.filter(({ serverName, keyId }) => !absent.has(`${serverName} ${keyId}`));
      const foundNow = new Map((await keys.find(open)).map((key, index) => [open[index], key]));
      return asked.map((one) => foundNow.get(one));
    },
  };
}
