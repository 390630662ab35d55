import { lookup, Resolver } from 'node:dns/promises';
import { type Dns, DnsFailure } from '../dns.ts';

/** How long one name server may take, and how often all are asked. */
const SERVER_TIMEOUT_MS = 3_000;
const TRIES = 2;

/** Addresses as the system finds them, its `hosts` file included; services from its name servers. */
export function createNodeDns(): Dns {
  let resolver: Resolver | undefined;
  return {
    addresses: (name) =>
      asked(name, async () => (await lookup(name, { all: true, order: 'verbatim' })).map(({ address }) => address)),
    services: (name) =>
      asked(name, async () => {
        resolver ??= new Resolver({ timeout: SERVER_TIMEOUT_MS, tries: TRIES });
        const records = await resolver.resolveSrv(name);
        return records.map(({ name: target, port, priority, weight }) => ({ target, port, priority, weight }));
      }),
  };
}

async function asked<T>(name: string, ask: () => Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await ask();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (NOTHING_THERE.has(code)) {
      return [];
    }
    throw new DnsFailure(`The name server could not be asked for ${name} (${code || error})`, error);
  }
}

/** There is no such name, or it has no such record; a text that cannot be a name has none either. */
const NOTHING_THERE: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'NOTFOUND', 'NODATA', 'EBADNAME']);
