import type { Browser, FrameLocator } from 'playwright-core';
import { expect, vi } from 'vitest';
import { collectEvidence } from './evidence.ts';

/** How long the story waits for what a participant has to see. Not how long it takes. */
const PATIENCE = { timeout: 60_000, interval: 50 };

/** Somebody with the page open in a browser of his own: nothing is shared with others but the servers. */
export interface Participant {
  /** What the homeserver refused him, as `404 GET /path`. */
  readonly refusals: readonly string[];
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
  context.setDefaultTimeout(PATIENCE.timeout);
  const page = await context.newPage();
  const evidence = collectEvidence(page, signIn.user);
  const call = page.frameLocator('iframe');

  /** Does something in the browser. When it fails, the error says where the evidence is. */
  async function step(what: string, action: () => Promise<void>): Promise<void> {
    await action().catch(async (error: unknown) => {
      const folder = await evidence.write();
      const text = `${signIn.user} ${what}: ${error instanceof Error ? error.message : error}`;
      throw new Error(`${text}\nWhat the browser showed and did is in ${folder}`, { cause: error });
    });
  }

  await step('signs in', async () => {
    const { homeserverUrl: homeserver, user, password } = signIn;
    await page.goto(`${siteUrl}#${new URLSearchParams({ homeserver, user, password })}`);
    await page.getByRole('heading', { name: 'Signed in as' }).waitFor();
  });

  return {
    get refusals() {
      return evidence.refusalsOf(signIn.homeserverUrl);
    },
    joinCall: (roomName) =>
      step(`joins the call in ${roomName}`, () =>
        page.getByRole('button', { name: `Join the call in ${roomName}` }).click(),
      ),
    seesTilesOf: (names) =>
      step(`sees ${names.join(' and ')}`, () =>
        vi.waitFor(async () => expect(await namesOnTiles(call)).toEqual([...names].sort()), PATIENCE),
      ),
    receivesToDevice: (text) =>
      step(`receives ${text}`, () => page.getByRole('listitem').filter({ hasText: text }).first().waitFor()),
    hangUp: () =>
      step('hangs up', async () => {
        await call.getByRole('button', { name: 'End call' }).click();
        await page.locator('iframe').waitFor({ state: 'detached' });
      }),
    vanish: () =>
      step('vanishes', async () => {
        const debugging = await context.newCDPSession(page);
        const crashed = page.waitForEvent('crash');
        // Never answered: who would answer is gone.
        debugging.send('Page.crash').catch(() => undefined);
        await crashed;
      }),
    close: () => context.close(),
  };
}

async function namesOnTiles(call: FrameLocator): Promise<string[]> {
  const names = await call.getByTestId('videoTile').getByTestId('name_tag').allTextContents();
  return names.sort();
}
