/** The only source of chance: cryptographically strong in production, seeded in tests. */
export interface Random {
  bytes(count: number): Uint8Array;
}
