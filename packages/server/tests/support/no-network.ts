import type { Dns } from '../../src/platform/dns.ts';
import { OutboundFailure, type OutboundHttp } from '../../src/platform/outbound-http.ts';

/** The part of a platform that knows other machines, in a world without any: requests fail, no name is known. */
export const noNetwork: { readonly outboundHttp: OutboundHttp; readonly dns: Dns } = {
  outboundHttp: {
    async send({ url }) {
      throw new OutboundFailure('unreachable', `This test has no network, so nobody is at ${new URL(url).host}`);
    },
  },
  dns: { addresses: async () => [], services: async () => [] },
};
