import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAuthority } from './authority.ts';
import { freePorts } from './free-ports.ts';
import type { InteropServer } from './interop-server.ts';
import { limpetProcess } from './limpet-process.ts';
import { installSynapse } from './python-environment.ts';
import type { ServerSite } from './server-site.ts';
import { STORIES } from './stories.ts';
import { synapseProcess } from './synapse-process.ts';
import { type Telling, tell, tellingsOf } from './tellings.ts';

export interface InteropOptions {
  readonly only: readonly string[];
  readonly versions: readonly string[];
  readonly peer: 'limpet' | 'synapse';
  readonly list: boolean;
  readonly keep: boolean;
}

const CACHE = fileURLToPath(new URL('../../../../node_modules/.cache/limpet-interop', import.meta.url));
const ADDRESS = '127.0.0.1';

/** Tells the stories that the options choose. Gives whether all went well. Throws InteropFault. */
export async function runInterop(options: InteropOptions, resources: AsyncDisposableStack): Promise<boolean> {
  const stories = STORIES.filter(
    ({ name }) => options.only.length === 0 || options.only.some((text) => name.includes(text)),
  );
  if (options.list) {
    for (const { name } of stories) print(name);
    return true;
  }
  const ending = new AbortController();
  resources.defer(() => ending.abort(new Error('Interrupted')));
  mkdirSync(CACHE, { recursive: true });
  const { python, version } = await installSynapse(CACHE, ending.signal);
  print(`Synapse ${version}`);

  const directory = join(CACHE, 'runs', `${process.pid}-${randomBytes(3).toString('hex')}`);
  mkdirSync(directory, { recursive: true });
  const sites = await makeSites(directory, options, ending.signal);
  const [first, second] = sites;
  const servers: [InteropServer, InteropServer] = [
    options.peer === 'limpet' ? limpetProcess(first) : synapseProcess(first, python),
    synapseProcess(second, python),
  ];
  for (const server of servers) resources.defer(() => server.stop());
  await Promise.all(servers.map((server) => server.start()));
  for (const { label, serverName, place } of servers) print(`${label} is ${serverName}, log ${place.logPath}`);

  const failed = await tellAll(tellingsOf(stories, options.versions, servers), ending.signal);
  await Promise.all(servers.map((server) => server.stop()));
  if (failed.length === 0 && !options.keep) rmSync(directory, { recursive: true, force: true });
  else print(`Logs and databases are in ${directory}`);
  return failed.length === 0;
}

/** Gives those that failed. */
async function tellAll(tellings: readonly Telling[], signal: AbortSignal): Promise<readonly Telling[]> {
  const failed: Telling[] = [];
  let told = 0;
  for (const telling of tellings) {
    signal.throwIfAborted();
    const { unfit } = telling.story;
    if (unfit !== undefined && telling[unfit.role].label.endsWith(unfit.label)) {
      print(`unfit  ${telling.title}: ${unfit.why}`);
      continue;
    }
    told += 1;
    const begun = performance.now();
    const fault = await tell(telling, signal);
    signal.throwIfAborted();
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    print(`${fault === undefined ? 'ok    ' : 'FAILED'} ${telling.title}  ${seconds} s`);
    if (fault !== undefined) {
      failed.push(telling);
      print(indent(fault));
    }
  }
  for (const { title } of failed) print(`failed: ${title}`);
  print(`${told - failed.length} passed, ${failed.length} failed`);
  return failed;
}

async function makeSites(
  directory: string,
  { peer }: InteropOptions,
  signal: AbortSignal,
): Promise<[ServerSite, ServerSite]> {
  const authority = await createAuthority(directory, ADDRESS, signal);
  const ports = await freePorts(ADDRESS, 4);

  async function site(label: string, [clientPort = 0, federationPort = 0]: readonly number[]): Promise<ServerSite> {
    const name = label.toLowerCase().replaceAll(' ', '-');
    const ownDirectory = join(directory, name);
    mkdirSync(ownDirectory);
    return {
      address: ADDRESS,
      clientPort,
      federationPort,
      certificate: await authority.issue(name),
      authorityPath: authority.authorityPath,
      place: {
        label,
        serverName: `${ADDRESS}:${federationPort}`,
        clientUrl: `http://${ADDRESS}:${clientPort}`,
        registrationSecret: 'the secret of the interop test',
        directory: ownDirectory,
        logPath: join(directory, `${name}.log`),
      },
    };
  }

  return [
    await site(peer === 'limpet' ? 'Limpet' : 'Other Synapse', ports.slice(0, 2)),
    await site('Synapse', ports.slice(2)),
  ];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '       ');
}
