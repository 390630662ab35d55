import type { JsonValue } from './json.ts';

/**
 * `JSON.parse` that does not hide a non-canonical number: `1.0` or `1e2`, which would come out as the integers 1 and
 * 100, come out as NaN, for `checkCanonicalJson` to refuse. For JSON that holds events of other servers; elsewhere
 * (tag orders, account data) floats are fine and `JSON.parse` is right. The last of repeated keys
 * wins. Throws SyntaxError; RangeError where hundreds of thousands of levels exhaust the stack.
 */
export function parseEventJson(text: string): JsonValue {
  return mayHoldNonInteger(text) ? JSON.parse(text, exposeNonInteger) : JSON.parse(text);
}

/** Whether some number has a fraction or an exponent. Text that merely looks like it, inside strings, is skipped. */
export function mayHoldNonInteger(text: string): boolean {
  if (!/[0-9][.eE]/.test(text)) {
    return false;
  }
  let index = 0;
  for (;;) {
    const quote = text.indexOf('"', index);
    const between = quote === -1 ? text.slice(index) : text.slice(index, quote);
    if (/[0-9][.eE]/.test(between)) {
      return true;
    }
    if (quote === -1) {
      return false;
    }
    index = endOfString(text, quote);
  }
}

/** The index after the closing quote of the string that opens here; the end of the text where it never closes. */
function endOfString(text: string, openingQuote: number): number {
  let index = openingQuote + 1;
  for (;;) {
    const quote = text.indexOf('"', index);
    if (quote === -1) {
      return text.length;
    }
    let backslash = quote - 1;
    while (backslash > openingQuote && text.charCodeAt(backslash) === 0x5c) {
      backslash--;
    }
    if ((quote - 1 - backslash) % 2 === 0) {
      return quote + 1;
    }
    index = quote + 1;
  }
}

function exposeNonInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  return Number.isSafeInteger(value) && /[.eE]/.test(context?.source ?? '') ? Number.NaN : value;
}
