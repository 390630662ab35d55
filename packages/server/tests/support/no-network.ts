import { signText } from '@limpet/protocol/signing';
import { OutboundFailure } from '../../src/platform/outbound-http.ts';
import type { Platform } from '../../src/platform/platform.ts';

/**
 * The part of a platform that is beyond its own thread, in a world without anything there: requests fail, no name is
 * known, and what is to be signed is signed at once.
 */
export const noNetwork: Pick<Platform, 'outboundHttp' | 'dns' | 'signing'> = {
  outboundHttp: {
    async send({ url }) {
      throw new OutboundFailure('unreachable', `This test has no network, so nobody is at ${new URL(url).host}`);
    },
  },
  dns: { addresses: async () => [], services: async () => [] },
  signing: { sign: async (text, key) => signText(text, key) },
};
