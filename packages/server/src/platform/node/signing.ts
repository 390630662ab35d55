import { sign } from 'node:crypto';
import { encodeUnpaddedBase64 } from '@limpet/protocol/unpadded-base64';
import type { Signing } from '../signing.ts';

/** In the threads that Node.js has for such work. */
export const nodeSigning: Signing = {
  sign: (text, key) =>
    new Promise((resolve, reject) => {
      sign(null, Buffer.from(text, 'utf8'), key.privateKey, (error, signature) => {
        if (error === null) resolve(encodeUnpaddedBase64(signature));
        else reject(error);
      });
    }),
};
