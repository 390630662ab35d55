import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

/** What a page logs and asks for, for whoever has to find out why a story failed. */
export interface Evidence {
  /** What one server answered with an error, as `404 GET /path`, each once. */
  refusalsOf(serverUrl: string): readonly string[];
  /** Writes all of it to a new folder, with a picture of the page; the folder. */
  write(): Promise<string>;
}

/** Begins to take notes; `name` becomes a part of the folder's. */
export function collectEvidence(page: Page, name: string): Evidence {
  const lines: string[] = [];
  const refusals: { url: URL; text: string }[] = [];
  const note = (line: string) => void lines.push(`${new Date().toISOString()} ${line}`);

  page.on('console', (message) => note(`console ${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => note(`error: ${error.stack}`));
  page.on('requestfailed', (request) => note(`${request.failure()?.errorText} ${request.method()} ${request.url()}`));
  page.on('response', (response) => {
    const method = response.request().method();
    note(`${response.status()} ${method} ${response.url()}`);
    const url = new URL(response.url());
    if (response.status() >= 400) refusals.push({ url, text: `${response.status()} ${method} ${url.pathname}` });
  });

  return {
    refusalsOf(serverUrl) {
      const { origin } = new URL(serverUrl);
      return [...new Set(refusals.filter(({ url }) => url.origin === origin).map(({ text }) => text))];
    },
    async write() {
      const folder = await mkdtemp(join(tmpdir(), `limpet-browser-${name}-`));
      await page.screenshot({ path: join(folder, 'page.png') }).catch((error: unknown) => note(`no picture: ${error}`));
      await writeFile(join(folder, 'log.txt'), lines.join('\n'));
      return folder;
    },
  };
}
