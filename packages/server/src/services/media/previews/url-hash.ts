import { createHash } from 'node:crypto';

/** What a preview is kept under: URLs are long, and what users link to stands nowhere in the database. */
export function urlHash(url: string): Uint8Array {
  return createHash('sha256').update(url, 'utf8').digest();
}
