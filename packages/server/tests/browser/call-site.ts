import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { giveMediaToken } from './token-service.ts';

const PAGE_SOURCE = fileURLToPath(new URL('page/host-page.ts', import.meta.url));
const ELEMENT_CALL = fileURLToPath(
  new URL('dist', import.meta.resolve('@element-hq/element-call-embedded/package.json')),
);
/** What encrypts, of the version that matrix-js-sdk wants; the page asks for it by its name. */
const CRYPTO_MODULE = join(
  dirname(createRequire(import.meta.resolve('matrix-js-sdk')).resolve('@matrix-org/matrix-sdk-crypto-wasm')),
  'pkg/matrix_sdk_crypto_wasm_bg.wasm',
);

/** Where the story's pages are: a web server of its own, on another origin than the homeserver. */
export interface CallSite {
  /** Of the page, which wants to be told who signs in (`page/host-page.ts`). */
  readonly url: string;
  /** Of the service that lets into the media server, for the homeserver's `rtc.transports`. */
  readonly tokenServiceUrl: string;
  close(): Promise<void>;
}

export interface CallSiteOptions {
  /** Asked at each request for a token: site and homeserver are to know each other's address. */
  readonly homeserverUrl: () => string;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Its `config.json`: memberships that stick, and who is gone is known to be within seconds. */
const ELEMENT_CALL_CONFIG = {
  matrix_rtc_mode: 'matrix_2_0',
  matrix_rtc_session: { delayed_leave: { delay_ms: 5000, restart_ms: 1000 } },
};
const PAGE = '<!doctype html><title>Calls</title><script type="module" src="page.js"></script>';

/** Starts the web server: the page, Element Call's files, the token service, and what stands in for a media server. */
export async function startCallSite({ homeserverUrl }: CallSiteOptions): Promise<CallSite> {
  const server = createServer((request, response) => void answer(request, response));
  // Together with the silence of `/media/`: see there.
  server.on('upgrade', (_request, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const texts = new Map([
    ['/', PAGE],
    ['/page.js', await bundledPage()],
    ['/call/config.json', JSON.stringify(ELEMENT_CALL_CONFIG)],
  ]);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', url).pathname;
    // The media server lets nobody in and never says why, so that Element Call stays at connecting: it takes any other
    // answer for an error, and shows that instead of the call.
    if (path.startsWith('/media/')) return;
    if (request.method === 'POST' && path === '/tokens/get_token') {
      await giveMediaToken(request, response, { homeserverUrl: homeserverUrl(), mediaUrl: `${url}media/` });
      return;
    }
    const content = texts.get(path) ?? (await readFile(fileOf(path)).catch(() => undefined));
    if (request.method !== 'GET' || content === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': contentType(path) }).end(content);
  }

  return {
    url,
    tokenServiceUrl: `${url}tokens`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bundledPage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [PAGE_SOURCE],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    define: { global: 'globalThis' },
    write: false,
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}

function fileOf(path: string): string {
  return path.endsWith('.wasm') ? CRYPTO_MODULE : join(ELEMENT_CALL, normalize(path.replace(/^\/call\//, '/')));
}

function contentType(path: string): string {
  return CONTENT_TYPES[path === '/' ? '.html' : extname(path)] ?? 'application/octet-stream';
}
