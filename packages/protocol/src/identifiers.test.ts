import { describe, expect, test } from 'vitest';
import {
  asDeviceId,
  asEventId,
  asRoomAlias,
  asRoomId,
  asServerName,
  asUserId,
  isLongerThan,
  isValidNewLocalpart,
  localpartOf,
  parseRoomId,
  parseServerName,
  parseUserId,
  serverNameOf,
  userIdOf,
} from './identifiers.ts';
import { MatrixError } from './matrix-error.ts';

const HASH = `${'a-Z_0'.repeat(8)}abc`;

describe('server names', () => {
  test.each([
    'matrix.org',
    'matrix.org:8888',
    '1.2.3.4',
    '1.2.3.4:1234',
    '[1234:5678::abcd]',
    '[1234:5678::abcd]:5678',
  ])('the example %s of the specification is one', (name) => expect(asServerName(name)).toBe(name));

  test.each([
    '',
    ':80',
    'a:',
    'a:123456',
    'a:b',
    'a_b',
    'a/b',
    'a b',
    '[::1',
    '::1',
    'exämple.org',
    'a\n',
    'a:80\n',
    7,
    null,
  ])('%j is none', (name) => expect(asServerName(name)).toBeUndefined());
});

describe('user IDs', () => {
  test.each(['@a:b', '@Alice Müller:example.org', '@:example.org', '@a/b=c+d:[::1]:80', '@\u0001:b', '@a:b:80'])(
    'history knows users like %j',
    (id) => expect(asUserId(id)).toBe(id),
  );

  test.each(['', '@', '@a', 'a:b', '#a:b', '@a:', '@a:b:c', '@a\0:b', '@\ud800:b', `@${'a'.repeat(253)}:b`, 1, {}])(
    '%j is none',
    (id) => expect(asUserId(id)).toBeUndefined(),
  );

  test('the limit counts bytes of UTF-8', () => {
    expect(asUserId(`@${'a'.repeat(252)}:b`)).toBeDefined();
    expect(asUserId(`@${'ä'.repeat(126)}:b`)).toBeDefined();
    expect(asUserId(`@${'ä'.repeat(127)}:b`)).toBeUndefined();
    expect([isLongerThan('ää', 4), isLongerThan('ää', 3), isLongerThan('aa', 2)]).toEqual([false, true, false]);
  });

  test('new localparts are strict', () => {
    expect(['alice', 'a.b_c=d-e/f+9'].map(isValidNewLocalpart)).toEqual([true, true]);
    expect(['', 'Alice', 'ä', 'a b', 'a:b', 'a\n'].map(isValidNewLocalpart)).toEqual(Array(6).fill(false));
  });

  test('the throwing form names what is wrong', () => {
    expect(() => parseUserId('alice')).toThrow(
      new MatrixError('M_INVALID_PARAM', '"alice" is not a valid user ID: it must start with "@".'),
    );
    expect(() => parseUserId(12)).toThrow('A value of type number is not a valid user ID: it must be a string.');
    expect(() => parseUserId('@alice')).toThrow('it has no server name; a user ID is "@localpart:server".');
    expect(() => userIdOf('a'.repeat(300), parseServerName('b'))).toThrow('it is longer than 255 bytes.');
  });
});

describe('other identifiers', () => {
  test('a room ID ends in a server or is a hash', () => {
    expect(['!a:b', `!${HASH}`].map((id) => asRoomId(id) === id)).toEqual([true, true]);
    expect(['!a', '!', '!:b', `!${HASH}a`, `!${HASH}\n`, `$${HASH}`, '!a\0:b'].map(asRoomId)).toEqual(
      Array(7).fill(undefined),
    );
    expect(() => parseRoomId('!a')).toThrow('a room ID is "!opaque:server", or "!" and a hash of 43 characters');
  });

  test('an event ID is opaque, but what follows a colon is a server', () => {
    expect(['$a:b', `$${HASH}`, '$a/b+c'].map((id) => asEventId(id) === id)).toEqual([true, true, true]);
    expect(['$', '$a:', '$a: ', 'a', `$${'a'.repeat(255)}`].map(asEventId)).toEqual(Array(5).fill(undefined));
  });

  test('aliases and device IDs', () => {
    expect(['#a b:c', '#ä:c:80'].map((id) => asRoomAlias(id) === id)).toEqual([true, true]);
    expect(['#a', '#:b', '@a:b'].map(asRoomAlias)).toEqual([undefined, undefined, undefined]);
    expect(asDeviceId('GHTYAJCE')).toBe('GHTYAJCE');
    expect(['', 'a\0', 'a'.repeat(256)].map(asDeviceId)).toEqual([undefined, undefined, undefined]);
  });

  test('take an identifier apart at its first colon', () => {
    expect(serverNameOf('@a:b:80')).toBe('b:80');
    expect([serverNameOf(`!${HASH}`), serverNameOf('@a:b c')]).toEqual([undefined, undefined]);
    expect([localpartOf('@a:b:80'), localpartOf(`$${HASH}`)]).toEqual(['a', HASH]);
  });
});
