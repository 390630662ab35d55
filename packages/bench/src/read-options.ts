import { tmpdir } from 'node:os';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { UsageFault } from './faults.ts';
import { HELP_EPILOGUE } from './help-epilogue.ts';
import type { NamedTarget, Options } from './options.ts';
import { SCENARIO_NAMES, type ScenarioName, startsOwnServers } from './scenarios/scenario-name.ts';

/** Named clients, rooms and events: more would measure the bench's own memory. */
const MAX_COUNT = 10_000_000;
const MAX_SECONDS = 3_600;

/** Names that the bench gives to what it starts. */
export const FLOOR_NAME = 'floor';
export const OWN_SERVER_NAME = 'limpet';

export interface TextOutput {
  writeOut(text: string): void;
  writeErr(text: string): void;
}

interface Parsed {
  readonly target: readonly NamedTarget[];
  readonly start: boolean;
  readonly floor: boolean;
  readonly scenario: readonly ScenarioName[];
  readonly json?: string;
  readonly duration: number;
  readonly warmUp: number;
  readonly rooms: number;
  readonly clients: number;
  readonly rounds: number;
  readonly stickyEvents: number;
  readonly requests: number;
  readonly userRooms: number;
  readonly participants: number;
  readonly delayedSeconds: number;
  readonly servers: number;
  readonly rate: number;
  readonly missedEvents: number;
  readonly members: number;
  readonly roomEvents: number;
  readonly registrationToken?: string;
  readonly pid?: number;
  readonly dataDir: string;
  readonly profile?: string;
}

/** `undefined` when help was asked for and given. Throws UsageFault: one line. */
export function readOptions(args: readonly string[], output: TextOutput): Options | undefined {
  // Commander's own complaint is thrown and told in our words; only help is written by it.
  const command = createCommand().configureOutput({ ...output, outputError: () => undefined });
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw new UsageFault(`${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}. Try --help`);
  }
  const parsed: Parsed = command.opts();
  checkSubjects(parsed);
  return {
    targets: parsed.target,
    start: parsed.start,
    floor: parsed.floor,
    scenarios: chosenScenarios(parsed.scenario),
    jsonPath: parsed.json,
    durationMs: parsed.duration * 1000,
    warmUpMs: parsed.warmUp * 1000,
    rooms: parsed.rooms,
    clients: parsed.clients,
    rounds: parsed.rounds,
    stickyEvents: parsed.stickyEvents,
    requests: parsed.requests,
    userRooms: parsed.userRooms,
    participants: parsed.participants,
    delayedSeconds: parsed.delayedSeconds,
    servers: parsed.servers,
    rate: parsed.rate,
    missedEvents: parsed.missedEvents,
    members: parsed.members,
    roomEvents: parsed.roomEvents,
    registrationToken: parsed.registrationToken,
    processId: parsed.pid,
    dataDirectory: parsed.dataDir,
    profileDirectory: parsed.profile,
  };
}

function createCommand(): Command {
  return new Command('npm run bench --')
    .description('Puts load on Matrix homeservers over the Client-Server API, and shows the figures side by side.')
    .option('--target <url>', 'a running homeserver, as URL or NAME=URL; repeatable', addTarget, [])
    .option('--start', "start this repository's own server, with data of its own that go away afterwards", false)
    .option('--floor', 'start and measure the floor program: the least that a server has to do', false)
    .addOption(
      new Option(
        '--scenario <name>',
        `${SCENARIO_NAMES.join(', ')}; repeatable (default: all but delayed, federation-…)`,
      )
        .argParser(addScenario)
        .default([], 'all but delayed, federation-…'),
    )
    .option('--json <file>', 'write the figures as JSON, too')
    .option('--duration <seconds>', 'of each measurement of send', secondsUpTo(MAX_SECONDS), 10)
    .option('--warm-up <seconds>', 'load that is not counted, before each of these', secondsUpTo(MAX_SECONDS), 3)
    .option('--rooms <count>', 'rooms that the senders of send are spread over', readCount, 8)
    .option('--clients <count>', 'waiting clients of sync-fanout', readCount, 1_000)
    .option('--rounds <count>', 'events of sync-fanout, one after the other', readCount, 20)
    .option('--sticky-events <count>', 'unexpired sticky events of sticky-page', readCount, 100_000)
    .option('--requests <count>', 'asked by sticky-page, and each part of sliding', readCount, 300)
    .addOption(countOption('--user-rooms <count>', 'that the user of sliding and initial-sync is in', 1_000))
    .addOption(countOption('--participants <count>', 'of the call of call', 500))
    .addOption(countOption('--delayed-seconds <count>', 'in which delayed restarts its events', 60))
    .addOption(countOption('--servers <count>', 'that get the events of federation-send', 20))
    .addOption(countOption('--rate <count>', 'events a second of federation-send', 200))
    .addOption(countOption('--missed-events <count>', 'sticky events that federation-catch-up waits for', 10_000))
    .addOption(countOption('--members <count>', 'of the room of federation-join', 10_000))
    .addOption(countOption('--room-events <count>', 'of the room of federation-join, its joins among them', 20_000))
    .option('--registration-token <token>', 'for targets that register with a token')
    .option('--pid <id>', 'process of the one --target, on this machine, for its memory', readCount)
    .option('--data-dir <directory>', 'where databases of --start and --floor go', tmpdir())
    .option('--profile <directory>', 'CPU profiles of --start there, and its busiest functions after the table')
    .addHelpText('after', HELP_EPILOGUE)
    .exitOverride();
}

function countOption(flags: string, description: string, byDefault: number): Option {
  return new Option(flags, description).argParser(readCount).default(byDefault);
}

function chosenScenarios(named: readonly ScenarioName[]): ScenarioName[] {
  return SCENARIO_NAMES.filter((name) => (named.length === 0 ? !startsOwnServers(name) : named.includes(name)));
}

function checkSubjects({ target, start, floor, pid, profile, scenario }: Parsed): void {
  if (target.length === 0 && !start && !floor) {
    throw new UsageFault('Nothing to measure. Give --target URL, --start or --floor, or all of them. Try --help');
  }
  const names = [
    ...(floor ? [FLOOR_NAME] : []),
    ...(start ? [OWN_SERVER_NAME] : []),
    ...target.map(({ name }) => name),
  ];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageFault(`Two columns are named "${twice}". Name one by --target NAME=URL`);
  if (pid !== undefined && target.length !== 1) throw new UsageFault('--pid needs exactly one --target');
  if (scenario.some(startsOwnServers) && !start) {
    throw new UsageFault('The federation scenarios and delayed need --start: they stop servers, and start them again');
  }
  if (profile !== undefined && !start) throw new UsageFault('--profile needs --start');
}

function addTarget(text: string, before: readonly NamedTarget[]): NamedTarget[] {
  const [, name, address = ''] = /^(?:([\w.-]+)=)?(.*)$/.exec(text) ?? [];
  const url = URL.parse(address);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new InvalidArgumentError('It must be an address like http://127.0.0.1:8008, or NAME=address');
  }
  return [...before, { name: name ?? url.host, url }];
}

function addScenario(text: string, before: readonly ScenarioName[]): ScenarioName[] {
  const name = SCENARIO_NAMES.find((known) => known === text);
  if (name === undefined) throw new InvalidArgumentError(`There are ${SCENARIO_NAMES.join(', ')}`);
  return [...before, name];
}

function readCount(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > MAX_COUNT) throw new InvalidArgumentError('It must be an integer, at least 1');
  return count;
}

function secondsUpTo(maximum: number): (text: string) => number {
  return (text) => {
    const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(seconds <= maximum)) throw new InvalidArgumentError(`It must be seconds, at most ${maximum}`);
    return seconds;
  };
}
