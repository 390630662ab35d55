import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MatrixClient } from '../server-crash/matrix-client.ts';
import { type ServerProcess, startServerProcess } from '../server-crash/server-process.ts';
import { type CuttableLink, freePort, openLink } from './cuttable-link.ts';

/** One server as a process of its own, with a database on disk. */
export interface LinkedServer {
  readonly name: string;
  /** Users of it, who follow it when it starts again. */
  user(name: string, timelineLimit?: number): Promise<MatrixClient>;
  /** As a power cut does. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Real server processes that reach each other over wires that can be cut, one for each pair and direction. */
export class LinkedServers implements AsyncDisposable {
  readonly #links = new Map<string, CuttableLink>();
  readonly #servers = new Map<string, Member>();

  static async open(names: readonly string[]): Promise<LinkedServers> {
    const servers = new LinkedServers();
    const ports = new Map<string, number>();
    for (const name of names) ports.set(name, await freePort());
    for (const from of names) {
      for (const [to, port] of ports) if (from !== to) servers.#links.set(`${from} ${to}`, await openLink(port));
    }
    for (const name of names) {
      const routes = names.filter((other) => other !== name).map((other) => [other, servers.#link(name, other).port]);
      const member = new Member(name, await mkdtemp(join(tmpdir(), `limpet-${name}-`)));
      await member.configure(ports.get(name) ?? 0, routes as [string, number][]);
      servers.#servers.set(name, member);
      await member.start();
    }
    return servers;
  }

  server(name: string): LinkedServer {
    const found = this.#servers.get(name);
    if (found === undefined) throw new Error(`There is no server ${name}`);
    return found;
  }

  /** No request between these two gets through, in either direction. */
  cut(one: string, other: string): void {
    this.#link(one, other).cut();
    this.#link(other, one).cut();
  }

  heal(one: string, other: string): void {
    this.#link(one, other).heal();
    this.#link(other, one).heal();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#servers.values()) await member.end();
    for (const link of this.#links.values()) await link.close();
  }

  #link(from: string, to: string): CuttableLink {
    const link = this.#links.get(`${from} ${to}`);
    if (link === undefined) throw new Error(`There is no link from ${from} to ${to}`);
    return link;
  }
}

class Member implements LinkedServer {
  readonly name: string;
  readonly #directory: string;
  readonly #users: MatrixClient[] = [];
  #process: ServerProcess | undefined;

  constructor(name: string, directory: string) {
    this.name = name;
    this.#directory = directory;
  }

  async configure(port: number, routes: readonly (readonly [string, number])[]): Promise<void> {
    const config = {
      server_name: this.name,
      listeners: [{ port }],
      registration: { mode: 'open' },
      rate_limits: { enabled: false },
      log: { level: 'warn' },
      federation: {
        servers: Object.fromEntries(routes.map(([other, link]) => [other, `http://127.0.0.1:${link}`])),
      },
    };
    await writeFile(join(this.#directory, 'limpet.yaml'), JSON.stringify(config));
  }

  async start(): Promise<void> {
    this.#process = await startServerProcess(this.#directory);
    for (const user of this.#users) user.url = this.#process.url;
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#process = undefined;
  }

  async user(name: string, timelineLimit = 10): Promise<MatrixClient> {
    const user = new MatrixClient(this.#process?.url ?? '', name, timelineLimit);
    await user.register();
    this.#users.push(user);
    return user;
  }

  async end(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
