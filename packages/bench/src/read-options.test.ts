import { describe, expect, test } from 'vitest';
import { UsageFault } from './faults.ts';
import { readOptions } from './read-options.ts';

describe('options', () => {
  test('default to every scenario, in order', () => {
    const options = read('--target', 'http://127.0.0.1:8008');
    expect(options?.scenarios).toEqual([
      ...['send', 'sync-fanout', 'sticky-page', 'sliding', 'initial-sync', 'call', 'memory'],
    ]);
    expect(options?.targets).toEqual([{ name: '127.0.0.1:8008', url: new URL('http://127.0.0.1:8008') }]);
    expect(options).toMatchObject({ start: false, floor: false, durationMs: 10_000, stickyEvents: 100_000 });
  });

  test('take several named targets and several scenarios, which run in their own order', () => {
    const options = read('--target', 'a=http://a', '--target', 'b=https://b:1', '--scenario', 'memory', ...SEND);
    expect(options?.targets.map(({ name, url }) => [name, url.href])).toEqual([
      ['a', 'http://a/'],
      ['b', 'https://b:1/'],
    ]);
    expect(options?.scenarios).toEqual(['send', 'memory']);
  });

  test('help is no run, and tells of the scenarios', () => {
    let help = '';
    expect(
      readOptions(['--help'], {
        writeOut(text) {
          help += text;
        },
        writeErr: () => undefined,
      }),
    ).toBeUndefined();
    expect(help).toContain('--sticky-events');
    expect(help).toContain('share 8 rooms');
  });

  test.each([
    ['nothing to measure', [], 'Give --target URL, --start or --floor'],
    ['an unknown option', ['--flor'], "unknown option '--flor'"],
    [
      'an unknown scenario',
      ['--floor', '--scenario', 'sends'],
      'There are send, sync-fanout, sticky-page, sliding, initial-sync, call, delayed, federation-send',
    ],
    ['federation without servers to stop', ['--floor', '--scenario', 'federation-send'], 'need --start'],
    ['a target that is no address', ['--target', 'localhost'], 'It must be an address like http://127.0.0.1:8008'],
    ['another protocol', ['--target', 'ftp://localhost'], 'It must be an address like http://127.0.0.1:8008'],
    ['a count of none', ['--floor', '--clients', '0'], 'It must be an integer, at least 1'],
    ['a negative duration', ['--floor', '--duration', '-1'], 'It must be seconds, at most 3600'],
    ['a duration that is a word', ['--floor', '--duration', 'long'], 'It must be seconds, at most 3600'],
    ['a superfluous word', ['--floor', 'send'], 'too many arguments'],
    ['two columns of one name', ['--start', '--target', 'limpet=http://a'], 'Two columns are named "limpet"'],
    ['a process of no target', ['--floor', '--pid', '1'], '--pid needs exactly one --target'],
    ['a profile of no server', ['--floor', '--profile', 'x'], '--profile needs --start'],
  ])('%s is one line', (_, args, message) => {
    const fault = catchFault(() => read(...args));
    expect(fault.message).toContain(message);
    expect(fault.message).not.toContain('\n');
  });
});

const SEND = ['--scenario', 'send'];

function read(...args: string[]) {
  return readOptions(args, { writeOut: () => undefined, writeErr: () => undefined });
}

function catchFault(run: () => unknown): UsageFault {
  try {
    run();
  } catch (error) {
    if (error instanceof UsageFault) return error;
    throw error;
  }
  throw new Error('No fault was thrown');
}
