import { Command, CommanderError } from 'commander';
import type { DoctorActions } from './doctor/doctor-actions.ts';
import type { FederationActions } from './federation-actions.ts';
import type { KeyActions } from './key-actions.ts';
import type { ReportActions } from './report-actions.ts';
import type { UserActions } from './user-actions.ts';

/** What the commands do. Each gives the exit status. */
export interface Actions extends UserActions, KeyActions, DoctorActions, FederationActions, ReportActions {
  serve(options: { config?: string }): Promise<number>;
  configExample(): Promise<number>;
  configDocument(): Promise<number>;
  configCheck(options: { config?: string }): Promise<number>;
}

/** Wrong arguments, or a wrong configuration. */
export const EXIT_USAGE = 2;

const CONFIG_OPTION = ['-c, --config <file>', 'configuration file (YAML); without it the defaults hold'] as const;

/**
 * Reads the arguments, runs what they say, and gives the exit status. Help and complaints about arguments are
 * commander's; the rest is said by the actions.
 */
export async function runProgram(args: readonly string[], version: string, actions: Actions): Promise<number> {
  let status = 0;
  // What a command gives is its exit status.
  const run =
    <Parameters extends unknown[]>(action: (...parameters: Parameters) => Promise<number>) =>
    async (...parameters: Parameters) => {
      status = await action(...parameters);
    };
  const program = new Command('limpet')
    .description('Limpet, the Matrix homeserver for real-time rooms.')
    .version(version, '-V, --version')
    .showHelpAfterError('Try "limpet --help".')
    .exitOverride()
    .addHelpText('after', GENERAL_EXAMPLES);
  addServe(program, run, actions);
  addUser(program.command('user').description('make and change accounts'), run, actions);
  addKey(program.command('key').description('change the key that the server signs with'), run, actions);
  addDoctor(program, run, actions);
  addFederation(program.command('federation').description('see what waits for other servers'), run, actions);
  addReport(program.command('report').description('see what users reported'), run, actions);
  addConfig(program.command('config').description('show and check configurations'), run, actions);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      throw error;
    }
    return error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  return status;
}

type Run = <Parameters extends unknown[]>(
  action: (...parameters: Parameters) => Promise<number>,
) => (...parameters: Parameters) => Promise<void>;

const GENERAL_EXAMPLES = `
Examples:
  npm start                                       start with the defaults, on http://127.0.0.1:8008
  npm start -- --config limpet.yaml               start with a configuration
  npm run -s limpet -- config example > limpet.yaml
  npm run limpet -- user create alice --admin`;

function addServe(program: Command, run: Run, actions: Actions): void {
  program
    .command('serve')
    .description('start the server')
    .option(...CONFIG_OPTION)
    .addHelpText('after', '\nExample:\n  limpet serve --config limpet.yaml')
    .action(run((options) => actions.serve(options)));
}

function addKey(key: Command, run: Run, actions: Actions): void {
  key
    .command('rotate')
    .description('make a new signing key; the old one is published as such. The server must be stopped')
    .option(...CONFIG_OPTION)
    .addHelpText('after', '\nExample:\n  limpet key rotate --config limpet.yaml')
    .action(run((options) => actions.rotateKey(options)));
}

function addUser(user: Command, run: Run, actions: Actions): void {
  user
    .command('create <name>')
    .description('make an account; asks for the password unless told otherwise')
    .option(...CONFIG_OPTION)
    .option('--admin', 'make it an administrator')
    .option('--password-stdin', 'read the password from standard input')
    .option('--generate-password', 'make up a password and print it')
    .addHelpText('after', '\nExample:\n  limpet user create alice --admin --generate-password')
    .action(run((name, options) => actions.createUser(name, options)));
  user
    .command('list')
    .description('show all accounts')
    .option(...CONFIG_OPTION)
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  limpet user list --json')
    .action(run((options) => actions.listUsers(options)));
  user
    .command('reset-password <name>')
    .description('give an account a new password, and log out its devices')
    .option(...CONFIG_OPTION)
    .option('--password-stdin', 'read the password from standard input')
    .option('--generate-password', 'make up a password and print it')
    .option('--keep-sessions', 'leave its devices logged in')
    .addHelpText('after', '\nExample:\n  limpet user reset-password alice --password-stdin < password.txt')
    .action(run((name, options) => actions.resetPassword(name, options)));
  user
    .command('deactivate <name>')
    .description('end an account for good; its name is never given again')
    .option(...CONFIG_OPTION)
    .option('--erase', 'remove its profile, too')
    .addHelpText('after', '\nExample:\n  limpet user deactivate mallory --erase')
    .action(run((name, options) => actions.deactivateUser(name, options)));
  addRestrictions(user, run, actions);
}

/** What can be taken back, unlike the end of an account. */
function addRestrictions(user: Command, run: Run, actions: Actions): void {
  user
    .command('lock <name>')
    .description('keep the devices of an account from doing anything; nothing of it is lost')
    .option(...CONFIG_OPTION)
    .option('--undo', 'unlock it')
    .addHelpText('after', '\nExample:\n  limpet user lock mallory')
    .action(run((name, options) => actions.lockUser(name, options)));
  user
    .command('suspend <name>')
    .description('let an account read, and neither write nor enter rooms')
    .option(...CONFIG_OPTION)
    .option('--undo', 'take it back')
    .addHelpText('after', '\nExample:\n  limpet user suspend mallory --undo')
    .action(run((name, options) => actions.suspendUser(name, options)));
}

function addDoctor(program: Command, run: Run, actions: Actions): void {
  program
    .command('doctor')
    .description('say what is wrong with the server, its clock, its certificates, and how others find it')
    .option(...CONFIG_OPTION)
    .option('--server <name...>', 'other homeservers to compare clocks with, besides those it shares rooms with')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExit status 1 when something is wrong.\n\nExample:\n  limpet doctor --config limpet.yaml')
    .action(run((options) => actions.doctor(options)));
}

function addFederation(federation: Command, run: Run, actions: Actions): void {
  federation
    .command('status [destination]')
    .description('show what waits for other servers, or for one: how much, since when, when it is tried again')
    .option(...CONFIG_OPTION)
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  limpet federation status matrix.org')
    .action(run((destination, options) => actions.federationStatus(destination, options)));
  federation
    .command('retry <destination>')
    .description('try a server now that does not answer, without waiting for its time')
    .option(...CONFIG_OPTION)
    .option('--json', 'the outcome as a JSON object')
    .addHelpText('after', '\nExample:\n  limpet federation retry matrix.org')
    .action(run((destination, options) => actions.retryDestination(destination, options)));
}

function addReport(report: Command, run: Run, actions: Actions): void {
  report
    .command('list')
    .description('show what users reported, the newest first')
    .option(...CONFIG_OPTION)
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  limpet report list')
    .action(run((options) => actions.listReports(options)));
}

function addConfig(config: Command, run: Run, actions: Actions): void {
  config
    .command('example')
    .description('print a configuration with every key, its default and its meaning')
    .addHelpText('after', '\nExample:\n  limpet config example > limpet.yaml')
    .action(run(() => actions.configExample()));
  config
    .command('document')
    .description('print docs/configuration.md')
    .addHelpText('after', '\nExample:\n  limpet config document > docs/configuration.md')
    .action(run(() => actions.configDocument()));
  config
    .command('check')
    .description('say whether a configuration is good')
    .option(...CONFIG_OPTION)
    .addHelpText('after', '\nExample:\n  limpet config check --config limpet.yaml')
    .action(run((options) => actions.configCheck(options)));
}
