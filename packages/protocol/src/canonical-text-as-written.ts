import { compareCodePoints } from './canonical-json.ts';

/**
 * The canonical form of a JSON text whose numbers may be written in ways that canonical JSON does not know: they stay
 * as they are written. Servers sign what their users sent through them, `1.0` included, and such a request is not to be
 * mistaken for a forged one. Throws SyntaxError. The text must not nest deep (`parse-json-bytes.ts`).
 */
export function canonicalTextAsWritten(text: string): string {
  return encode(
    JSON.parse(text, (_key, member: unknown, context?: { source?: string }) =>
      typeof member === 'number' ? new WrittenNumber(context?.source ?? String(member)) : member,
    ),
  );
}

class WrittenNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

function encode(value: unknown): string {
  if (value instanceof WrittenNumber) {
    return value.text;
  }
  if (typeof value !== 'object' || value === null) {
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map(encode).join(',')}]`;
  }
  const members = Object.entries(value).sort(([left], [right]) => compareCodePoints(left, right));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${encode(member)}`).join(',')}}`;
}
