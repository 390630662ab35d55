/** Look-ups of names. An empty list: the name is there, or is not, and has no such record. */
export interface Dns {
  /** IPv4 and IPv6 addresses. @throws DnsFailure when the question could not be answered. */
  addresses(name: string): Promise<readonly string[]>;
  /** SRV records, in no order. @throws DnsFailure */
  services(name: string): Promise<readonly ServiceRecord[]>;
}

export interface ServiceRecord {
  readonly target: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

export class DnsFailure extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'DnsFailure';
  }
}
