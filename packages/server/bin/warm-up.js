import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Starts a server in a temporary directory and stops it, so that the cache of compiled code (see `limpet.js`) is warm
 * for the first real start. `npm ci` runs this at its end. It never fails: without a cache a start is slower, no more.
 * Plain JavaScript, so that it ends in peace where the Node.js at hand does not take TypeScript.
 */

/** A machine that is slower than this goes without. */
const MAX_WARM_UP_MS = 30_000;

const program = fileURLToPath(new URL('./limpet.js', import.meta.url));

try {
  const directory = mkdtempSync(join(tmpdir(), 'limpet-warm-up-'));
  try {
    await startAndStop(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
} catch (error) {
  console.warn(`limpet: the first start will be slower than the next ones: ${error.message}`);
}

function startAndStop(directory) {
  const config = join(directory, 'limpet.json');
  writeFileSync(config, JSON.stringify({ listeners: [{ port: 0 }], log: { level: 'error' } }));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, 'serve', '--config', config], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: MAX_WARM_UP_MS,
      killSignal: 'SIGKILL',
    });
    // Its first words come when everything is loaded; at its end it writes the cache.
    child.stdout.once('data', () => child.kill('SIGTERM'));
    child.stdout.resume();
    child.once('error', reject);
    child.once('close', (status, signal) => {
      if (status === 0) resolve(undefined);
      else reject(new Error(`a server to warm up with ended with ${status ?? signal}`));
    });
  });
}
