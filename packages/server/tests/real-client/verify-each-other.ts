import {
  CryptoEvent,
  type ShowSasCallbacks,
  type VerificationRequest,
  type Verifier,
  VerifierEvent,
} from 'matrix-js-sdk/lib/crypto-api/index.js';
import { eventually, type SdkClient } from './sdk-client.ts';
import { cryptoOf } from './user-encryption.ts';

/** Two users compare emojis, and find them to be the same. */
export async function verifyEachOther(asking: SdkClient, asked: SdkClient, roomId: string): Promise<void> {
  const arriving = new Promise<VerificationRequest>((resolve) => {
    asked.client.once(CryptoEvent.VerificationRequestReceived, resolve);
  });
  const request = await cryptoOf(asking).requestVerificationDM(asked.userId, roomId);
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
  await (await shown).confirm();
  await verified;
}
