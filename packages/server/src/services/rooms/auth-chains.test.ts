import { expect, test } from 'vitest';
import { authEventIdsIn } from './auth-chains.ts';

test('auth events are read from the beginning of a text', () => {
  expect(authEventIdsIn('{"auth_events":["$a","$b"],"content":')).toEqual(['$a', '$b']);
  expect(authEventIdsIn('{"auth_events":[],"content":')).toEqual([]);
});

test('the whole text is read where that does not do', () => {
  const pairs = '{"auth_events":[["$a:x",{"sha256":"h"}],["$b:x",{"sha256":"h"}]],"content":{}}';
  expect(authEventIdsIn(pairs)).toEqual(['$a:x', '$b:x']);
  expect(authEventIdsIn('{"a":1,"auth_events":["$a"]}')).toEqual(['$a']);
  expect(authEventIdsIn('{"auth_events":["$a]b","$c"]}')).toEqual(['$a]b', '$c']);
});
