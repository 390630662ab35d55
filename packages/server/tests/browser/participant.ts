import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, FrameLocator, Page } from 'playwright-core';
import { expect, vi } from 'vitest';

/** How long the story waits for what a participant has to see. Not how long it takes. */
const PATIENCE = { timeout: 30_000, interval: 50 };

/** Somebody with the page open in a browser of his own: nothing is shared with others but the servers. */
export interface Participant {
  /** Presses the button of the room's call. */
  joinCall(roomName: string): Promise<void>;
  /** Waits until the call shows tiles of exactly these people, by their display names, himself among them. */
  seesTilesOf(names: readonly string[]): Promise<void>;
  /** Waits until the page has shown that such a message came from device to device. */
  receivesToDevice(text: string): Promise<void>;
  /** Leaves the call as people do, and waits until it is no longer in the page. */
  hangUp(): Promise<void>;
  /** Takes the page away while everything in it is running: nothing says goodbye. */
  vanish(): Promise<void>;
  close(): Promise<void>;
}

export interface SignIn {
  readonly siteUrl: string;
  readonly homeserverUrl: string;
  readonly user: string;
  readonly password: string;
}

/** Opens the page in a new browser profile, that is, as a new device, and waits until its client is up to date. */
export async function openParticipant(browser: Browser, { siteUrl, ...signIn }: SignIn): Promise<Participant> {
  const context = await browser.newContext({
    permissions: ['camera', 'microphone'],
    viewport: { width: 1280, height: 900 },
  });
  const page = await context.newPage();
  const evidence = recordEvidence(context, page, signIn.user);
  const parameters = { homeserver: signIn.homeserverUrl, user: signIn.user, password: signIn.password };
  const call = page.frameLocator('iframe');

  async function eventually(what: string, check: () => Promise<void>): Promise<void> {
    await vi.waitFor(check, PATIENCE).catch(async (error: unknown) => {
      const folder = await evidence();
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${signIn.user} ${what}: ${message}\nWhat the browser showed and did is in ${folder}`);
    });
  }

  await page.goto(`${siteUrl}#${new URLSearchParams(parameters)}`);
  await eventually('signs in', async () => {
    expect(await page.getByRole('heading').textContent({ timeout: PATIENCE.interval })).toContain('Signed in as');
  });

  return {
    async joinCall(roomName) {
      await page.getByRole('button', { name: `Join the call in ${roomName}` }).click();
    },
    async seesTilesOf(names) {
      await eventually(`sees ${names.join(' and ')}`, async () => {
        expect(await namesOnTiles(call)).toEqual([...names].sort());
      });
    },
    async receivesToDevice(text) {
      await eventually(`receives ${text}`, async () => {
        expect(await page.getByRole('listitem').allTextContents()).toContain(text);
      });
    },
    async hangUp() {
      await call.getByRole('button', { name: 'End call' }).click();
      await page.locator('iframe').waitFor({ state: 'detached' });
    },
    async vanish() {
      const debugging = await context.newCDPSession(page);
      const crashed = page.waitForEvent('crash');
      // Never answered: who would answer is gone.
      debugging.send('Page.crash').catch(() => undefined);
      await crashed;
    },
    close: () => context.close(),
  };
}

async function namesOnTiles(call: FrameLocator): Promise<string[]> {
  const names = await call.getByTestId('videoTile').getByTestId('name_tag').allTextContents();
  return names.sort();
}

/** Notes what the page logs and asks for. The function writes it all to a new folder, with a picture. */
function recordEvidence(context: BrowserContext, page: Page, user: string): () => Promise<string> {
  const lines: string[] = [];
  const note = (line: string) => void lines.push(`${new Date().toISOString()} ${line}`);
  context.on('console', (message) => note(`console ${message.type()}: ${message.text()}`));
  context.on('weberror', (error) => note(`error: ${error.error().stack}`));
  context.on('response', (response) => note(`${response.status()} ${response.request().method()} ${response.url()}`));
  context.on('requestfailed', (request) =>
    note(`${request.failure()?.errorText} ${request.method()} ${request.url()}`),
  );
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), `limpet-browser-${user}-`));
    await writeFile(join(folder, 'log.txt'), lines.join('\n'));
    await page.screenshot({ path: join(folder, 'page.png') }).catch((error: unknown) => note(String(error)));
    return folder;
  };
}
