import { describe, expect, test } from 'vitest';
import { parseMultipart } from './parse-multipart.ts';

const TYPE = 'multipart/mixed; boundary=B';
const TWO = '--B\r\nContent-Type: application/json\r\n\r\n{}\r\n--B\r\nContent-Type: text/plain\r\n\r\nHello\r\n--B--';

function bodies(contentType: string | undefined, text: string): string[] | undefined {
  return parseMultipart(contentType, Buffer.from(text))?.map(({ body }) => Buffer.from(body).toString());
}

describe('a multipart body', () => {
  test('is two parts with their headers', () => {
    const parts = parseMultipart(TYPE, Buffer.from(TWO));
    expect(parts?.map(({ headers }) => ({ ...headers }))).toEqual([
      { 'content-type': 'application/json' },
      { 'content-type': 'text/plain' },
    ]);
    expect(bodies(TYPE, TWO)).toEqual(['{}', 'Hello']);
  });

  test.each([
    'multipart/mixed; boundary="B"',
    'Multipart/Mixed;Boundary=B',
    'multipart/mixed; charset=utf-8; boundary=B',
    'multipart/mixed; boundary=B; charset=utf-8',
  ])('has its boundary in %s', (type) => {
    expect(bodies(type, TWO)).toEqual(['{}', 'Hello']);
  });

  test('may have something before and after its parts, white space after its delimiters, and no headers', () => {
    expect(bodies(TYPE, `\r\n${TWO}`)).toEqual(['{}', 'Hello']);
    expect(bodies(TYPE, `for old programs\r\n${TWO}\r\nthe end`)).toEqual(['{}', 'Hello']);
    expect(bodies(TYPE, '--B \t\r\n\r\n{}\r\n--B\r\n\r\n\r\n--B--')).toEqual(['{}', '']);
  });

  test('keeps what looks like a boundary and begins no line', () => {
    expect(bodies(TYPE, '--B\r\n\r\n{}\r\n--B\r\n\r\nx--B--\n--B\r\n--A\r\n--B--')).toEqual([
      '{}',
      'x--B--\n--B\r\n--A',
    ]);
  });

  test.each([
    undefined,
    '',
    'text/html',
    'multipart/mixed',
    'multipart/mixed; boundary=',
    'multipart/mixed; boundary=""',
    'multipart/mixed; xboundary=B',
    `multipart/mixed; boundary=${'B'.repeat(71)}`,
    'multipart/form-data; boundary=B',
  ])('is none under %j', (type) => {
    expect(bodies(type, TWO)).toBeUndefined();
  });

  test.each(['', '--B', '--B--', '--B\r\n', 'x', '--B\r\n\r\n{}\r\n--B', '--BB\r\n\r\n{}\r\n--BB\r\n\r\nx\r\n--BB--'])(
    'is none where it says %j',
    (text) => {
      expect(bodies(TYPE, text)).toBeUndefined();
    },
  );

  test('has no headers that are named like what all objects have', () => {
    const text = '--B\r\n__proto__: x\r\nconstructor: y\r\n\r\n{}\r\n--B\r\n\r\nx\r\n--B--';
    const [first] = parseMultipart(TYPE, Buffer.from(text)) ?? [];
    expect(Object.keys(first?.headers ?? {})).toEqual(['__proto__', 'constructor']);
  });
});
