import { parseArgs } from 'node:util';
import { InteropFault } from './interop-fault.ts';
import { runInterop } from './run-interop.ts';

/**
 * The command `npm run test:interop`: Limpet and a real Synapse, each a process of its own, tell stories together.
 * Progress and the result go to standard output.
 */

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

const HELP = `Usage: npm run test:interop -- [options]

Starts this server and the newest Synapse that the Python package index has, on loopback addresses with certificates of
a private authority, and lets users of both tell stories together.

Options:
  --only TEXT      stories with this in their name only; may be given several times
  --version ID     room version, instead of 10, 11 and 12; may be given several times
  --peer synapse   a second Synapse in place of Limpet: shows whether the stories themselves are right
  --list           print the names of the stories, and end
  --keep           keep logs and databases even if all goes well
  --help           this

Exit status: 0 all well, 1 a story failed, 2 wrong arguments, 3 no Synapse to be had (no Python, no package index).
Synapse is installed into node_modules/.cache/limpet-interop. Needed: python3 with venv, openssl.
`;

/** Ends everything that was started, once, also when a signal comes while it is under way. */
const resources = new AsyncDisposableStack();
let isInterrupted = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (isInterrupted) return;
    isInterrupted = true;
    process.stdout.write('\nInterrupted; stopping the servers\n');
    void resources.disposeAsync().then(() => process.exit(EXIT_INTERRUPTED));
  });
}

const status = await main();
// An interrupted run ends when what it started has ended, with the status above.
if (!isInterrupted) process.exit(status);

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n`);
    return EXIT_USAGE;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    return (await runInterop(options, resources)) ? 0 : EXIT_FAILED;
  } catch (error) {
    if (isInterrupted) return EXIT_INTERRUPTED;
    if (!(error instanceof InteropFault)) throw error;
    process.stdout.write(`${error.message}\n`);
    return error.exitStatus;
  } finally {
    await resources.disposeAsync();
  }
}

/** The complaint about them, if they are wrong. */
function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: [] },
        version: { type: 'string', multiple: true, default: ['10', '11', '12'] },
        peer: { type: 'string', default: 'limpet' },
        list: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const { peer, version, ...others } = values;
    if (peer !== 'limpet' && peer !== 'synapse') return '--peer takes limpet or synapse';
    return { ...others, peer, versions: version } as const;
  } catch (error) {
    return `${(error as Error).message}. Try --help`;
  }
}
