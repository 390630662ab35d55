import { expect, test } from 'vitest';
import { fileNameOf } from './file-name-of.ts';

const names: [string | undefined, string | undefined][] = [
  [undefined, undefined],
  ['inline', undefined],
  ['inline; filename=cat.png', 'cat.png'],
  ['inline;filename="my cat.png"', 'my cat.png'],
  ['attachment; filename="a\\"b\\\\.png"; x=y', 'a"b\\.png'],
  ["inline; filename*=utf-8''Gr%C3%BC%C3%9Fe.txt", 'Grüße.txt'],
  ["inline; filename=plain.txt; filename*=UTF-8'en'%F0%9F%A6%80", '🦀'],
  ["inline; filename*=UTF-8''%ff; filename=plain.txt", 'plain.txt'],
  ["inline; filename*=UTF-8''%", undefined],
  ['inline; filename=""', undefined],
  ['inline; filename="open', undefined],
  [`inline; filename=${'x'.repeat(256)}`, undefined],
  [`inline; ${' '.repeat(5_000)}filename=x`, undefined],
];

test.each(names)('%j says %j', (header, name) => {
  expect(fileNameOf(header)).toBe(name);
});
