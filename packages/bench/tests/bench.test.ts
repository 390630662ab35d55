import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const PROGRAM = resolve(import.meta.dirname, '../src/main.ts');

/** As little as shows that every piece works; each of 64 senders is to send something, on a busy machine too. */
const TINY = ['--duration', '1.2', '--warm-up', '0.1', '--clients', '3', '--rounds', '1', '--requests', '3'];

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'bench-test-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

describe.concurrent('the command', { timeout: 120_000 }, () => {
  test('measures this repository and the floor side by side, and leaves nothing behind', async () => {
    const json = join(directory, 'figures.json');
    const data = join(directory, 'data');
    const scenarios = ['send', 'sync-fanout', 'sticky-page', 'call'].flatMap((name) => ['--scenario', name]);
    const where = ['--json', json, '--data-dir', data, '--sticky-events', '120', '--participants', '3'];
    const { status, output } = await bench('--start', '--floor', ...TINY, ...scenarios, ...where);
    expect(output).toContain('limpet / floor');
    expect(output).not.toContain('FAILED');
    expect(status).toBe(0);
    expect(readdirSync(data)).toEqual([]);

    const figures = JSON.parse(readFileSync(json, 'utf8')) as Figures;
    expect(figures.remarks).toEqual([]);
    const both = figures.measurements.filter(({ values }) => values.floor && values.limpet).map(({ name }) => name);
    expect(both).toEqual(
      ['1 sender', '8 senders', '64 senders'].flatMap((who) => [`${who}, rate`, `${who}, p50`, `${who}, p99`]),
    );
    const own = figures.measurements.filter(({ values }) => values.limpet).map(({ scenario }) => scenario);
    expect([
      own.filter((name) => name === 'sync-fanout').length,
      own.filter((name) => name === 'sticky-page').length,
      own.filter((name) => name === 'call').length,
    ]).toEqual([4, 2, 6]);
  });

  test('measures memory by itself', async () => {
    const { status, output } = await bench('--floor', '--scenario', 'memory', ...TINY, '--data-dir', directory);
    expect(output).toMatch(/memory +resident at rest +[\d.]+ MB\n +resident after load +[\d.]+ MB/);
    expect(status).toBe(0);
  });

  test('stops what it started when it is interrupted', async () => {
    const data = join(directory, 'interrupted');
    const child = spawn(process.execPath, [PROGRAM, '--floor', '--scenario', 'send', '--data-dir', data]);
    await new Promise<void>((isDriving) => {
      child.stderr.on('data', (bytes) => String(bytes).includes('1 sender') && isDriving());
    });
    expect(readdirSync(data)).toHaveLength(1);
    child.kill('SIGINT');
    expect(await new Promise((done) => child.on('close', done))).toBe(130);
    expect(readdirSync(data)).toEqual([]);
  });

  test.each([
    ['without a subject', [], /^bench: Nothing to measure\. .*\n$/],
    ['with a target that nothing answers at', ['--target', 'http://127.0.0.1:1'], /No homeserver answers at http/],
    ['with a directory that is a file', ['--floor', '--data-dir', PROGRAM], /cannot be written/],
  ])('%s ends with status 2 and says why', async (_, args, expected) => {
    const { status, errors } = await bench(...args);
    expect(errors).toMatch(expected);
    expect(status).toBe(2);
  });
});

interface Figures {
  readonly measurements: readonly { scenario: string; name: string; values: Record<string, number> }[];
  readonly remarks: readonly unknown[];
}

async function bench(...args: string[]) {
  const child = spawn(process.execPath, [PROGRAM, ...args]);
  let output = '';
  let errors = '';
  child.stdout.on('data', (bytes) => {
    output += bytes;
  });
  child.stderr.on('data', (bytes) => {
    errors += bytes;
  });
  const status = await new Promise<number | null>((done) => child.on('close', done));
  return { status, output, errors };
}
