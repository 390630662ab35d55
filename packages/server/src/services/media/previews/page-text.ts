import type { Timers } from '../../../platform/timers.ts';
import { charsetIn, readPage } from './read-page.ts';

/** Where a page has to name its encoding. Specification: HTML, "Determining the character encoding". */
const PRESCANNED_BYTES = 1_024;

/** The bytes of a page as text: by what the header says, a mark at the beginning, the page itself, or else UTF-8. */
export async function pageText(bytes: Uint8Array, contentType: string | undefined, timers: Timers): Promise<string> {
  const said = markedCharset(bytes) ?? charsetIn(contentType);
  if (said !== undefined) return decoder(said).decode(bytes);
  const { charset } = await readPage(latin1(bytes.subarray(0, PRESCANNED_BYTES)), timers);
  return decoder(charset).decode(bytes);
}

function markedCharset([first, second, third]: Uint8Array): string | undefined {
  if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  return first === 0xff && second === 0xfe ? 'utf-16le' : undefined;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function decoder(charset: string | undefined): TextDecoder {
  try {
    return new TextDecoder(charset);
  } catch {
    // An encoding that nobody knows: most of a page is ASCII whatever it is.
    return new TextDecoder();
  }
}
