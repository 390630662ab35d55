import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';

const MAX_BUNDLE_BYTES = 4096;
const packageFolder = fileURLToPath(new URL('..', import.meta.url));

/** The text of the bundle that a browser would load, and what of it came from outside. */
async function bundled(source: string, options: { minify: boolean }): Promise<{ text: string; inputs: string[] }> {
  const result = await build({
    stdin: { contents: source, resolveDir: packageFolder, loader: 'ts' },
    absWorkingDir: packageFolder,
    bundle: true,
    format: 'iife',
    globalName: 'limpetSticky',
    platform: 'browser',
    write: false,
    metafile: true,
    ...options,
  });
  return { text: result.outputFiles[0]?.text ?? '', inputs: Object.keys(result.metafile.inputs) };
}

describe('what a browser gets', () => {
  test('is all of the package, and less than 4 kB minified and gzipped', async () => {
    const { text, inputs } = await bundled(`export * from '@limpet/sticky'`, { minify: true });
    const exported = runInNewContext(`${text}; Object.keys(limpetSticky)`);
    expect(exported).toContain('StickyMap');
    expect(exported).toContain('stickyUntilMs');
    expect(inputs.filter((input) => input !== '<stdin>' && !input.startsWith('src/'))).toEqual([]);
    expect(gzipSync(text, { level: 9 }).byteLength).toBeLessThan(MAX_BUNDLE_BYTES);
  });

  test('type-checks without the DOM and without Node.js', () => {
    const compiler = fileURLToPath(new URL('../../../node_modules/.bin/tsc', import.meta.url));
    expect(execFileSync(process.execPath, [compiler, '--project', packageFolder], { encoding: 'utf8' })).toBe('');
  });
});

test('the example of the README prints what it says', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const promised = /```text\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const printed: string[] = [];
  const { text } = await bundled(example, { minify: false });
  runInNewContext(text, { console: { log: (...words: unknown[]) => printed.push(words.join(' ')) } });
  expect(printed.length).toBeGreaterThan(0);
  expect(`${printed.join('\n')}\n`).toBe(promised);
});
