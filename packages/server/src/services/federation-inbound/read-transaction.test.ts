import { expect, test } from 'vitest';
import { MAX_EDUS, MAX_PDUS, readTransaction } from './read-transaction.ts';

test('what has a shape is read, and what has none is counted', () => {
  const body = {
    origin: 'hs2',
    pdus: [{ type: 'a' }, 1, null, [{}]],
    edus: [{ edu_type: 'm.typing', content: {} }, { edu_type: 1, content: {} }, { edu_type: 'x' }, 'edu'],
  };
  expect(readTransaction('hs2', body)).toEqual({
    pdus: [{ type: 'a' }],
    edus: [{ type: 'm.typing', content: {} }],
    nameless: 6,
  });
});

test('too much, and what another server signed, is refused as a whole', () => {
  const empty = { origin: 'hs2', pdus: [], edus: [] };
  const full = { ...empty, pdus: Array(MAX_PDUS).fill({}), edus: Array(MAX_EDUS).fill({}) };
  expect(readTransaction('hs2', full).pdus).toHaveLength(MAX_PDUS);
  expect(() => readTransaction('hs2', { ...full, pdus: [...full.pdus, {}] })).toThrow('at most 50 "pdus"');
  expect(() => readTransaction('hs2', { ...full, edus: [...full.edus, {}] })).toThrow('at most 100 "edus"');
  expect(() => readTransaction('hs3', empty)).toThrow('signed the request');
});
