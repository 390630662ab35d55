import { sign } from 'node:crypto';
import { signText } from '@limpet/protocol/signing';
import { encodeUnpaddedBase64 } from '@limpet/protocol/unpadded-base64';
import type { Signing } from '../signing.ts';

/**
 * What is not signed within this time is signed at once, in this thread: those of Node.js are few, and pictures and
 * names that nobody answers for take seconds of them, while all that is to be written waits for one signature. Longer
 * than a turn of the event loop takes, as who is behind would have each signature made twice.
 */
const PATIENCE_MS = 100;

/** In the threads that Node.js has for such work, where one of them is free. */
export const nodeSigning: Signing = {
  sign: (text, key) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(signText(text, key)), PATIENCE_MS);
      sign(null, Buffer.from(text, 'utf8'), key.privateKey, (error, signature) => {
        clearTimeout(timer);
        if (error === null) resolve(encodeUnpaddedBase64(signature));
        else reject(error);
      });
    }),
};
