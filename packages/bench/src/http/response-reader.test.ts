import { describe, expect, test } from 'vitest';
import { TargetFault } from '../faults.ts';
import { type HttpResponse, ResponseReader } from './response-reader.ts';

const COUNTED = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: 8\r\n\r\n{"a":"é"}'.replace(
  'length: 8',
  'length: 10',
);
const CHUNKED =
  'HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n' +
  '4;x=1\r\n{"a"\r\n6\r\n:"0\r\n"\r\n1\r\n}\r\n0\r\n\r\n';

describe('responses', () => {
  test.each([
    ['with a length', COUNTED, { status: 200, text: '{"a":"é"}', keepsAlive: true }],
    ['in chunks', CHUNKED, { status: 403, text: '{"a":"0\r\n"}', keepsAlive: false }],
    ['without a body', 'HTTP/1.1 204 No Content\r\n\r\n', { status: 204, text: '', keepsAlive: true }],
  ])('%s are read however they are cut', (_, text, expected) => {
    const bytes = Buffer.from(text);
    for (let size = 1; size <= bytes.length; size++) {
      expect(readInPieces(bytes, size).map(told)).toEqual([expected]);
    }
  });

  test('one reader reads one after the other', () => {
    const reader = new ResponseReader();
    const all = [COUNTED, CHUNKED, COUNTED].map((text) => reader.push(Buffer.from(text)));
    expect(all.map((response) => response?.status)).toEqual([200, 403, 200]);
    expect(reader.hasBegun).toBe(false);
  });

  test.each([
    ['another protocol', 'SSH-2.0-x\r\n\r\n'],
    ['no length', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['a head without end', 'x'.repeat(70_000)],
    ['a chunk without a size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n0\r\n\r\n'],
  ])('%s is a fault of the target', (_, text) => {
    expect(() => new ResponseReader().push(Buffer.from(text))).toThrow(TargetFault);
  });
});

function readInPieces(bytes: Buffer, size: number): HttpResponse[] {
  const reader = new ResponseReader();
  const found: HttpResponse[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const response = reader.push(bytes.subarray(at, at + size));
    if (response !== undefined) found.push(response);
  }
  return found;
}

function told({ status, body, keepsAlive }: HttpResponse) {
  return { status, text: body.toString('utf8'), keepsAlive };
}
