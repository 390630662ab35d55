import { UsageFault } from './faults.ts';
import { readOptions } from './read-options.ts';
import { Progress } from './report/progress.ts';
import { runBench } from './run-bench.ts';

/** The command `npm run bench`. Progress goes to standard error, the table to standard output. */

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

/** What was started is being stopped: that targets break from now on is no news. */
let isInterrupted = false;

process.exitCode = await main();

async function main(): Promise<number> {
  const resources = new AsyncDisposableStack();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      isInterrupted = true;
      void resources.disposeAsync().then(() => process.exit(EXIT_INTERRUPTED));
    });
  }
  try {
    const options = readOptions(process.argv.slice(2), {
      writeOut: (text) => process.stdout.write(text),
      writeErr: (text) => process.stderr.write(text),
    });
    if (options === undefined) return 0;
    const progress = new Progress(process.stderr);
    resources.defer(() => progress.end());
    const isComplete = await runBench({
      options,
      progress,
      print: (text) => isInterrupted || process.stdout.write(text),
      resources,
    });
    return isComplete ? 0 : EXIT_FAILED;
  } catch (error) {
    if (isInterrupted) return EXIT_INTERRUPTED;
    if (!(error instanceof UsageFault)) throw error;
    await resources.disposeAsync();
    process.stderr.write(`bench: ${error.message}\n`);
    return EXIT_USAGE;
  } finally {
    await resources.disposeAsync();
  }
}
