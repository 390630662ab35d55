import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../../src/services/accounts/sessions.ts';
import { createTestServer, type TestServer } from '../support/test-server.ts';

/** Where Debian puts it. */
const CHROMIUM = '/usr/bin/chromium';
const IS_INSTALLED = existsSync(CHROMIUM);
const REASON = IS_INSTALLED ? '' : ` (skipped, as ${CHROMIUM} is not there: apt-get install chromium)`;
/** For a test: the browser starts while other tests run. */
const TEST_TIMEOUT_MS = 60_000;

/** A client of another origin that knows no password stage: it opens the page, and goes on when it is told to. */
const CLIENT_PAGE = `<!doctype html><title>Client</title><button>Log the other device out</button><output></output>
<script>
const { url, token, session } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
let popup;
addEventListener('message', async (event) => {
  if (event.source !== popup || event.data !== 'authDone') return;
  const headers = { authorization: 'Bearer ' + token };
  const body = JSON.stringify({ auth: { session } });
  const answer = await fetch(url + '/_matrix/client/v3/devices/OTHER', { method: 'DELETE', headers, body });
  document.querySelector('output').textContent = answer.status;
});
document.querySelector('button').addEventListener('click', () => {
  popup = open(url + '/_matrix/client/v3/auth/m.login.password/fallback/web?session=' + session);
});
</script>`;

describe.skipIf(!IS_INSTALLED)(`pages of the server in a browser${REASON}`, { timeout: TEST_TIMEOUT_MS }, () => {
  let server: TestServer;
  let url = '';
  let clientSite: Server;
  let alice: Session;
  let browser: Browser;
  let context: BrowserContext;
  /** What the browser has to say against the pages: rules that they break, scripts that fail. */
  let complaints: string[];

  beforeAll(async () => {
    server = await createTestServer({ config: { listeners: [{ port: 0, serves: ['client'] }] } });
    [url = ''] = await server.server.start();
    alice = await server.createUser('alice');
    clientSite = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html').end(CLIENT_PAGE);
    });
    await new Promise<void>((resolve) => clientSite.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({ executablePath: CHROMIUM });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    clientSite?.close();
  });

  beforeEach(async () => {
    complaints = [];
    context = await browser.newContext();
    context.on('weberror', (event) => complaints.push(event.error().message));
    context.on('console', (message) => {
      // A form that was refused is answered 403, which is no complaint about the page.
      if (message.type() === 'error' && !/status of 403/.test(message.text())) complaints.push(message.text());
    });
  });

  afterEach(async () => {
    await context?.close();
    expect(complaints).toEqual([]);
  });

  async function sessionForTheOtherDevice(): Promise<string> {
    const request = { token: alice.accessToken, body: {} };
    return String((await server.request('DELETE', '/_matrix/client/v3/devices/OTHER', request)).body.session);
  }

  async function fillIn(page: Page, password: string, button: string): Promise<void> {
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: button }).click();
  }

  test('a client of another origin hears that the stage is passed, and goes on', async () => {
    const page = await context.newPage();
    const session = await sessionForTheOtherDevice();
    const { port } = clientSite.address() as AddressInfo;
    const known = new URLSearchParams({ url, token: alice.accessToken, session });
    await page.goto(`http://127.0.0.1:${port}/#${known}`);
    const opened = page.waitForEvent('popup');
    await page.getByRole('button').click();
    const popup = await opened;
    await fillIn(popup, 'wrong', 'Confirm');
    await popup.getByRole('alert').getByText('This is not your password.').waitFor();
    await fillIn(popup, 'password of alice', 'Confirm');
    await page.locator('output').getByText('200').waitFor();
    await popup.getByRole('heading', { name: 'Thank you' }).waitFor();
  });

  test('an app that shows the page in itself hears it, though it listens only once the page is there', async () => {
    const page = await context.newPage();
    await page.addInitScript(`addEventListener('load', () => { window.onAuthDone = () => { window.isTold = true; } })`);
    const session = await sessionForTheOtherDevice();
    await page.goto(`${url}/_matrix/client/v3/auth/m.login.password/fallback/web?session=${session}`);
    await fillIn(page, 'password of alice', 'Confirm');
    await page.waitForFunction('window.isTold');
  });

  test('the login page hands the session of the device asked for to the app that waits for it', async () => {
    const page = await context.newPage();
    const query = new URLSearchParams({ device_id: 'PHONE', initial_device_display_name: 'A <b>phone</b>' });
    await page.goto(`${url}/_matrix/static/client/login/?${query}`);
    await page.getByLabel('User name').fill('alice');
    await fillIn(page, 'password of alice', 'Log in');
    await page.getByRole('alert').getByText('No app waits for this page.').waitFor();

    await page.evaluate('window.matrixLogin.onLogin = (response) => { window.response = response; }');
    await fillIn(page, 'wrong', 'Log in');
    await page.getByRole('alert').getByText('User name or password is wrong.').waitFor();
    await fillIn(page, 'password of alice', 'Log in');
    await page.getByRole('heading', { name: 'You are logged in' }).waitFor();
    const response = await page.evaluate<Record<string, string>>('window.response');
    expect(response).toMatchObject({ user_id: alice.userId, device_id: 'PHONE' });
    const token = response.access_token;
    const device = await server.ok('GET', '/_matrix/client/v3/devices/PHONE', { token });
    expect(device.display_name).toBe('A <b>phone</b>');
  });
});
