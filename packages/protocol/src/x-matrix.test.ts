import { describe, expect, test } from 'vitest';
import { encodeCanonicalJson } from './canonical-json.ts';
import { signedTextOfRequest } from './signed-request.ts';
import { formatXMatrix, parseXMatrix } from './x-matrix.ts';

const CREDENTIALS = { origin: 'a.test:8448', destination: 'b.test', key: 'ed25519:1', signature: 'AB+/c' };

describe('the header', () => {
  test('is read as it was written', () => {
    expect(formatXMatrix(CREDENTIALS)).toBe(
      'X-Matrix origin="a.test:8448",destination="b.test",key="ed25519:1",sig="AB+/c"',
    );
    expect(parseXMatrix(formatXMatrix(CREDENTIALS))).toEqual(CREDENTIALS);
  });

  test.each([
    'X-Matrix origin=a.test:8448,destination=b.test,key=ed25519:1,sig=AB+/c',
    'x-matrix   ORIGIN="a.test:8448" , Destination = "b.test" ,key="ed25519:1",sig="AB+/c"',
    'X-Matrix sig="AB+/c",key="ed25519\\:1",destination="b.test",origin="\\a.test:8448",other=1',
    'X-Matrix origin="a.test:8448",,destination="b.test",key="ed25519:1",sig="AB+/c",',
  ])('may be written in other ways: %s', (header) => {
    expect(parseXMatrix(header)).toEqual(CREDENTIALS);
  });

  test('of an old server has no destination', () => {
    expect(parseXMatrix('X-Matrix origin=a.test,key="ed25519:1",sig="x"')).toEqual({
      origin: 'a.test',
      destination: undefined,
      key: 'ed25519:1',
      signature: 'x',
    });
  });

  test.each([
    '',
    'Bearer x',
    'X-Matrix',
    'X-Matrixorigin=a,key=b,sig=c',
    'X-Matrix origin=a,key=b',
    'X-Matrix origin=a,origin=b,key=c,sig=d',
    'X-Matrix origin="a,key=b,sig=c',
    'X-Matrix origin=a key=b sig=c',
    'X-Matrix origin=a,key=b,sig=c;',
    'X-Matrix =a,key=b,sig=c',
  ])('is refused when it is %j', (header) => {
    const parsed = parseXMatrix(header);
    expect(parsed === undefined || parsed.signature === 'c;').toBe(true);
  });

  test('of a hostile length is read in one pass', () => {
    expect(parseXMatrix(`X-Matrix ${'a='.repeat(30_000)}`)).toBeUndefined();
    expect(parseXMatrix(`X-Matrix origin="${'\\'.repeat(60_000)}`)).toBeUndefined();
    expect(parseXMatrix(`X-Matrix ${','.repeat(60_000)}`)).toBeUndefined();
  });
});

test('what is signed is canonical JSON, with the content where it belongs', () => {
  const request = { method: 'PUT', uri: '/_matrix/x?y=%2F', origin: 'a.test', destination: 'b.test' };
  expect(signedTextOfRequest({ ...request, content: undefined })).toBe(encodeCanonicalJson(request));
  expect(signedTextOfRequest({ ...request, content: '{"z":1}' })).toBe(
    encodeCanonicalJson({ ...request, content: { z: 1 } }),
  );
});
