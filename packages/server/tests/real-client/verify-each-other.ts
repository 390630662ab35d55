import { setTimeout } from 'node:timers/promises';
import {
  CryptoEvent,
  type ShowSasCallbacks,
  type VerificationRequest,
  type Verifier,
  VerifierEvent,
} from 'matrix-js-sdk/lib/crypto-api/index.js';
import { eventually, type SdkClient } from './sdk-client.ts';
import { cryptoOf } from './user-encryption.ts';

/**
 * How long one verification may take, and how often it is begun. matrix-js-sdk 43 passes over a verification event that
 * was decrypted before it listens for that, and then both sides wait for good; a person would cancel and begin anew.
 */
const ONE_VERIFICATION_MS = 12_000;
const MAX_VERIFICATIONS = 4;

/** Two users compare emojis, and find them to be the same. */
export async function verifyEachOther(asking: SdkClient, asked: SdkClient, roomId: string): Promise<void> {
  for (let count = 1; count <= MAX_VERIFICATIONS; count++) {
    const requests: Cancelled[] = [];
    const outcome = verifyOnce({ asking, asked, roomId, requests }).then(
      () => 'verified',
      (error: unknown) => error,
    );
    const ended = await Promise.race([outcome, setTimeout(ONE_VERIFICATION_MS, 'stuck')]);
    if (ended === 'verified') return;
    if (ended !== 'stuck') throw ended;
    for (const request of requests) await request.cancel();
  }
  throw new Error(`${MAX_VERIFICATIONS} verifications in a row did not end`);
}

interface OneVerification {
  readonly asking: SdkClient;
  readonly asked: SdkClient;
  readonly roomId: string;
  /** Gets what was begun. */
  readonly requests: Cancelled[];
}

/** What ends with a verification that is given up. */
interface Cancelled {
  cancel(): unknown;
}

async function verifyOnce({ asking, asked, roomId, requests }: OneVerification): Promise<void> {
  const arriving = new Promise<VerificationRequest>((resolve) => {
    asked.client.once(CryptoEvent.VerificationRequestReceived, resolve);
    requests.push({ cancel: () => asked.client.off(CryptoEvent.VerificationRequestReceived, resolve) });
  });
  const request = await cryptoOf(asking).requestVerificationDM(asked.userId, roomId);
  requests.push(request);
  const received = await arriving;
  await received.accept();
  await eventually(() => {
    if (request.otherDeviceId === undefined || !request.otherPartySupportsMethod(SAS)) throw new Error('not ready');
  });
  const verifier = await request.startVerification(SAS);
  const other = await eventually(() => verifierOf(received));
  await Promise.all([verifier, other].map(confirm));
}

const SAS = 'm.sas.v1';

function verifierOf({ verifier }: VerificationRequest): Verifier {
  if (verifier === undefined) throw new Error('the verification has not started');
  return verifier;
}

async function confirm(verifier: Verifier): Promise<void> {
  const shown = new Promise<ShowSasCallbacks>((resolve) => {
    const callbacks = verifier.getShowSasCallbacks();
    if (callbacks !== null) resolve(callbacks);
    else verifier.once(VerifierEvent.ShowSas, resolve);
  });
  const verified = verifier.verify();
  // Told below; but it may be cancelled before the other side shows anything.
  verified.catch(() => undefined);
  await (await shown).confirm();
  await verified;
}
