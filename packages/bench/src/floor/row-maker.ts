import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import type { FloorRow } from './floor-row.ts';

/** What stands for the making of an event: parse, hash, sign, hash again. */
export class RowMaker {
  readonly #privateKey: KeyObject = generateKeyPairSync('ed25519').privateKey;

  /** As an event has its place in the room: the same body sent twice makes two rows. */
  #depth = 0;

  /** Throws SyntaxError when the body is not JSON. */
  make(body: Buffer): FloorRow {
    const content: unknown = JSON.parse(body.toString('utf8'));
    const hashes = { sha256: hash('sha256', body, 'base64') };
    const event = { content, depth: ++this.#depth, hashes, origin_server_ts: Date.now() };
    const signed = Buffer.from(JSON.stringify(event));
    const signature = sign(null, signed, this.#privateKey).toString('base64');
    return {
      id: `$${hash('sha256', signed, 'base64url')}`,
      text: JSON.stringify({ ...event, signatures: { floor: { 'ed25519:1': signature } } }),
    };
  }
}
