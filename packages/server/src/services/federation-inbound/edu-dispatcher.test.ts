import { ALLOWED, refused } from '@limpet/protocol/verdict';
import { expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import type { Log, LogFields } from '../../platform/log.ts';
import { EduDispatcher } from './edu-dispatcher.ts';

function recordingLog(lines: [string, LogFields | undefined][]): Log {
  const note = (message: string, fields?: LogFields) => void lines.push([message, fields]);
  const log: Log = { debug: note, info: note, warn: note, error: note, with: () => log };
  return log;
}

test('each EDU goes to who takes its type; what nobody takes is passed over', async () => {
  const taken: unknown[] = [];
  const lines: [string, LogFields | undefined][] = [];
  const handler = async (origin: string, content: unknown) => {
    taken.push([origin, content]);
    return ALLOWED;
  };
  const { clock } = createManualWorld();
  const dispatcher = new EduDispatcher({ 'm.typing': handler }, { clock, log: recordingLog(lines) });
  await dispatcher.dispatch('hs2', [
    { type: 'm.typing', content: { a: 1 } },
    { type: 'org.example.unheard_of', content: {} },
    { type: 'toString', content: {} },
    { type: 'm.typing', content: { a: 2 } },
  ]);
  expect(taken).toEqual([
    ['hs2', { a: 1 }],
    ['hs2', { a: 2 }],
  ]);
  expect(lines).toEqual([]);
});

test('one that is refused or fails is logged once and keeps nothing back, unless it takes too long', async () => {
  const world = createManualWorld();
  const taken: unknown[] = [];
  const lines: [string, LogFields | undefined][] = [];
  const dispatcher = new EduDispatcher(
    {
      bad: async () => refused('bad'),
      broken: async () => {
        throw new Error('broken');
      },
      slow: async () => {
        world.advance(20_000);
        return ALLOWED;
      },
      good: async (_origin, content) => {
        taken.push(content.n);
        return ALLOWED;
      },
    },
    { clock: world.clock, log: recordingLog(lines) },
  );
  const edus = ['bad', 'broken', 'good', 'slow', 'good'].map((type, n) => ({ type, content: { n } }));
  await dispatcher.dispatch('hs2', edus);
  expect(taken).toEqual([2]);
  expect(lines.map(([message]) => message)).toEqual([
    'An EDU of another server could not be taken',
    'EDUs of another server were refused',
  ]);
  expect(lines[1]?.[1]?.refusals).toEqual([
    { type: 'bad', reason: 'bad' },
    { type: 'good', reason: expect.stringContaining('too long') },
  ]);
});
