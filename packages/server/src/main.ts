import { MatrixError } from '@limpet/protocol/matrix-error';
import manifest from '../package.json' with { type: 'json' };
import type { AdminCommands } from './command-line/admin-commands.ts';
import { type Actions, EXIT_USAGE, runProgram } from './command-line/create-program.ts';
import { createFederationActions } from './command-line/federation-actions.ts';
import { createKeyActions } from './command-line/key-actions.ts';
import { readCertificateAuthorities, readConfigFile, readTlsFiles } from './command-line/read-config-file.ts';
import { createReportActions } from './command-line/report-actions.ts';
import { createUserActions } from './command-line/user-actions.ts';
import { ConfigError } from './config/config-error.ts';
import type { Config } from './config.ts';
import { nodeClock } from './platform/node/clock.ts';
import { createNodePlatform } from './platform/node/create-node-platform.ts';
import type { OutboundHttpOptions } from './platform/node/outbound-http.ts';
import { nodeRandom } from './platform/node/random.ts';
import { createNodeTerminal } from './platform/node/terminal.ts';
import type { Platform } from './platform/platform.ts';
import { PromptCancelled } from './platform/terminal.ts';

/**
 * The command `limpet`. The only place that knows arguments, signals and exit statuses; environment variables are not
 * read.
 */

/** After a signal the process ends within this time, come what may. */
const MAX_STOP_MS = 4_500;

const EXIT_FAILURE = 1;

/** What the server writes (messages, password hashes, the signing key) is for the user it runs as, and nobody else. */
const PRIVATE_FILES = 0o077;

process.umask(PRIVATE_FILES);

const terminal = createNodeTerminal();

const actions: Actions = {
  async serve(options) {
    const config = await readConfigFile(options.config, process.cwd());
    const tls = readTlsFiles(config);
    const platform = createNodePlatform({ ...config.log, output: process.stdout }, outboundOptions(config));
    // Loaded now, so that `limpet --help` does not wait for it.
    const { serve } = await import('./command-line/serve.ts');
    await serve({ config, platform, terminal, tls, untilStopped: untilStopped() });
    return 0;
  },
  async configExample() {
    const { configExample } = await import('./config/config-example.ts');
    process.stdout.write(configExample());
    return 0;
  },
  async configDocument() {
    const { configDocument } = await import('./config/config-document.ts');
    process.stdout.write(configDocument());
    return 0;
  },
  async configCheck(options) {
    const config = await readConfigFile(options.config, process.cwd());
    readTlsFiles(config);
    readCertificateAuthorities(config);
    terminal.print(`${options.config ?? 'The default configuration'} is good`);
    return 0;
  },
  async doctor(options) {
    const config = await readConfigFile(options.config, process.cwd());
    const tls = readTlsFiles(config);
    const outbound = outboundOptions(config);
    const { doctor } = await import('./command-line/doctor/doctor.ts');
    return doctor(options, { config, tls, outbound, platform: quietPlatform(outbound), terminal });
  },
  ...createUserActions({ terminal, random: nodeRandom, withCommands }),
  ...createFederationActions({ terminal, nowMs: () => nodeClock.nowMs(), withCommands }),
  ...createReportActions({ terminal, withCommands }),
  ...createKeyActions({
    terminal,
    platform: { clock: nodeClock, random: nodeRandom },
    readConfig: (file) => readConfigFile(file, process.cwd()),
  }),
};

async function withCommands<T>(file: string | undefined, use: (commands: AdminCommands) => Promise<T>): Promise<T> {
  const config = await readConfigFile(file, process.cwd());
  const { withAdminCommands } = await import('./command-line/with-admin-commands.ts');
  return withAdminCommands(config, quietPlatform(outboundOptions(config)), use);
}

/** For commands: standard output is for what they answer. */
function quietPlatform(outbound: OutboundHttpOptions): Platform {
  return createNodePlatform({ level: 'warn', format: 'pretty', output: process.stderr }, outbound);
}

/** How other servers are reached. Throws ConfigError. */
function outboundOptions(config: Config): OutboundHttpOptions {
  return {
    certificateAuthorities: readCertificateAuthorities(config),
    allowPrivateAddresses: config.federation.allowPrivateAddresses,
    fixedUrls: [...config.federation.servers.values()],
  };
}

/** Kept at the first SIGTERM or SIGINT. From then on the process has MAX_STOP_MS; a second signal ends it at once. */
function untilStopped(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(EXIT_FAILURE));
        setTimeout(() => {
          terminal.printError('limpet: stopping took too long');
          process.exit(EXIT_FAILURE);
        }, MAX_STOP_MS).unref();
        resolve(signal);
      });
    }
  });
}

/** What an operator can mend is one line; anything else is our bug, with its stack. */
function explain(error: unknown): number {
  if (error instanceof PromptCancelled) {
    terminal.printError('limpet: cancelled, nothing was changed');
    return EXIT_FAILURE;
  }
  if (error instanceof MatrixError) {
    terminal.printError(`limpet: ${error.message}`);
    return EXIT_FAILURE;
  }
  if (error instanceof ConfigError || (error instanceof Error && FAULTS_OF_OPERATION.includes(error.name))) {
    terminal.printError(`limpet: ${error.message.split('\n', 1)[0]}`);
    return EXIT_USAGE;
  }
  throw error;
}

/** By name, since their modules are loaded with the server only. */
const FAULTS_OF_OPERATION: readonly string[] = ['ListenFault', 'DatabaseUnusable', 'KeyFileFault'];

process.exitCode = await runProgram(process.argv.slice(2), manifest.version, actions).catch(explain);
