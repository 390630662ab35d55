import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { Homeserver } from '../matrix/homeserver.ts';
import type { Progress } from '../report/progress.ts';
import type { Child } from './start-child.ts';
import { startLimpet } from './start-limpet.ts';

/** Servers that know each other. */
export interface Federation extends AsyncDisposable {
  readonly members: readonly Member[];
}

/** One of them: it keeps its name, its port and its data when it is stopped and started again. */
export interface Member {
  readonly serverName: string;
  readonly homeserver: Homeserver;
  readonly processId: number;
  stop(): Promise<void>;
  /** Like a power cut. */
  kill(): Promise<void>;
  /** Kept when it answers. */
  start(): Promise<void>;
}

export interface FederationPlace {
  readonly count: number;
  readonly directory: string;
  readonly resources: AsyncDisposableStack;
  readonly progress: Progress;
}

/** Plain HTTP over the loopback: what TLS costs is the same for everybody, and no property of a homeserver. */
export async function startFederation({ count, directory, resources, progress }: FederationPlace): Promise<Federation> {
  const ports = await freePorts(count);
  const places = ports.map((port, index) => ({ port, serverName: `hs${index}.bench` }));
  const servers = Object.fromEntries(places.map(({ port, serverName }) => [serverName, `http://127.0.0.1:${port}`]));
  const bar = progress.begin('Starting servers', count);
  const runId = randomBytes(4).toString('hex');

  async function startMember({ port, serverName }: (typeof places)[number]): Promise<Member> {
    const own = join(directory, serverName);
    mkdirSync(own);
    const configuration = { server_name: serverName, listeners: [{ port }], federation: { servers } };
    const start = () => startLimpet({ directory: own, profileDirectory: undefined, resources }, { configuration });
    let child: Child | undefined = await start();
    const subject = { name: serverName, kind: 'homeserver', url: child.url, processId: child.processId } as const;
    const homeserver = await Homeserver.open(subject, { runId, registrationToken: undefined, progress });
    bar.advance();
    return {
      serverName,
      homeserver,
      get processId() {
        return child?.processId ?? 0;
      },
      async stop() {
        await child?.stop();
        child = undefined;
      },
      async kill() {
        await child?.kill();
        child = undefined;
      },
      async start() {
        child ??= await start();
      },
    };
  }

  const members: Member[] = [];
  for (const place of places) members.push(await startMember(place));
  return {
    members,
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map((member) => member.stop()));
    },
  };
}

/** Somebody else may take one before it is used; that is rare enough. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
