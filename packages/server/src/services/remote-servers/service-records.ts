import { type Dns, DnsFailure, type ServiceRecord } from '../../platform/dns.ts';
import type { Log } from '../../platform/log.ts';

/** Records of one name that are taken. */
const MAX_RECORDS = 20;

/** SRV records of servers, under the name of today and, where there are none, under the deprecated one. */
export class ServiceRecords {
  readonly #dns: Dns;
  readonly #log: Log;

  constructor(dns: Dns, log: Log) {
    this.#dns = dns;
    this.#log = log;
  }

  /** None also where name servers do not answer: the usual port may still be right. */
  async find(host: string): Promise<readonly ServiceRecord[]> {
    for (const service of SERVICES) {
      const records = await this.#lookUp(`${service}.${host}`);
      if (records.length > 0) return records.slice(0, MAX_RECORDS);
    }
    return [];
  }

  async #lookUp(name: string): Promise<readonly ServiceRecord[]> {
    try {
      return await this.#dns.services(name);
    } catch (error) {
      if (!(error instanceof DnsFailure)) throw error;
      this.#log.debug('A service could not be looked up', { name, reason: error.message });
      return [];
    }
  }
}

const SERVICES = ['_matrix-fed._tcp', '_matrix._tcp'] as const;
