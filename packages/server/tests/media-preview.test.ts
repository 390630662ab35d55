import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { OutboundFailure, type OutboundRequest, type OutboundResponse } from '../src/platform/outbound-http.ts';
import { selectUrlPreview } from '../src/storage/queries/url-previews.ts';
import { holdAnswer } from './support/hold-answer.ts';
import { createManualWorld } from './support/manual-world.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';

const PREVIEW = '/_matrix/client/v1/media/preview_url';
/** One red pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
);

const world = createManualWorld();
let server: TestServer;
let token: string;
/** What stands on the web, by URL. */
const web = new Map<string, Partial<OutboundResponse> & { readonly failure?: OutboundFailure }>();
let asked: OutboundRequest[] = [];

beforeAll(async () => {
  const outboundHttp = {
    async send(request: OutboundRequest): Promise<OutboundResponse> {
      asked.push(request);
      const { failure, ...page } = web.get(request.url) ?? { status: 404 };
      if (failure !== undefined) throw failure;
      return { status: 200, headers: {}, body: new Uint8Array(), ...page };
    },
  };
  server = await createTestServer({ world, outboundHttp, config: { media: { url_previews: true } } });
  token = (await server.createUser('alice')).accessToken;
});

afterAll(() => server.stop());

beforeEach(() => {
  asked = [];
});

function page(url: string, html: string | Uint8Array, contentType = 'text/html', from?: string): void {
  web.set(url, { headers: { 'content-type': contentType }, body: Buffer.from(html), ...(from && { url: from }) });
}

function preview(url: string) {
  return server.request('GET', `${PREVIEW}?url=${encodeURIComponent(url)}&ts=1`, { token });
}

describe('a page', () => {
  test('is shown by what it says of itself, with its picture kept here', async () => {
    page(
      'https://news.example/a',
      `<html><head><title>Old title</title><meta property="og:title" content="Tea &amp; cake">
       <meta property="og:type" content="article"><meta name="description" content="All of it">
       <meta property="og:image" content="/cake.png"><meta property="og:image:width" content="9999"></head></html>`,
      'text/html; charset=utf-8',
      'https://www.news.example/a',
    );
    web.set('https://www.news.example/cake.png', { headers: { 'content-type': 'text/plain' }, body: PNG });
    const { status, body } = await preview('https://news.example/a#fragment');
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        'og:title': 'Tea & cake',
        'og:type': 'article',
        'og:description': 'All of it',
        'og:image': expect.stringMatching(/^mxc:\/\/localhost\//),
        'og:image:type': 'image/png',
        'og:image:width': 1,
        'og:image:height': 1,
        'matrix:image:size': PNG.length,
      },
    });
    expect(asked.map(({ url, reach }) => [url, reach])).toEqual([
      ['https://news.example/a', 'public'],
      ['https://www.news.example/cake.png', 'public'],
    ]);
    const media = String(body['og:image']).replace('mxc://', '/_matrix/client/v1/media/download/');
    expect(Buffer.from((await server.request('GET', media, { token })).bytes)).toEqual(PNG);
  });

  test('that says nothing is shown by its title and first words', async () => {
    const html = `<title> A
      title </title><body><nav>Menu</nav><script>var x = 1 < 2;</script><h1>Tea</h1><p>is  a <b>drink</b>.</p>`;
    page('https://plain.example/', html);
    const { body } = await preview('https://plain.example/');
    expect(body).toEqual({ 'og:title': 'A title', 'og:description': 'Tea is a drink .' });
  });

  test.each<[string, Uint8Array | string, string]>([
    ['by its header', Buffer.from('<title>caf\xe9</title>', 'latin1'), 'text/html; charset="iso-8859-1"'],
    ['by itself', Buffer.from('<meta charset=iso-8859-1><title>caf\xe9</title>', 'latin1'), 'text/html'],
    [
      'by itself, as of old',
      Buffer.from(
        '<meta http-equiv="Content-Type" content="text/html; charset=windows-1252"><title>caf\xe9</title>',
        'latin1',
      ),
      'text/html',
    ],
    ['by a mark', Buffer.from('\ufeff<title>café</title>', 'utf16le'), 'text/html; charset=utf-8'],
    ['as nobody knows', '<title>café</title>', 'text/html; charset=klingon'],
    ['not at all', '<title>café</title>', 'text/html'],
  ])('names its encoding %s', async (name, html, contentType) => {
    const url = `https://charset.example/${encodeURIComponent(name)}`;
    page(url, html, contentType);
    expect((await preview(url)).body).toEqual({ 'og:title': 'café' });
  });

  test('that is a picture is its own preview, and what is neither has none', async () => {
    page('https://pictures.example/1', PNG, 'image/png');
    expect((await preview('https://pictures.example/1')).body).toMatchObject({ 'og:image:type': 'image/png' });
    page('https://pictures.example/2', '<svg/>', 'image/svg+xml');
    expect(await preview('https://pictures.example/2')).toMatchObject({ status: 200, body: {} });
    page('https://pictures.example/3', '%PDF', 'application/pdf');
    expect((await preview('https://pictures.example/3')).text).toBe('{}');
  });

  test.each([
    ['tags within tags', `<title>x</title>${'<b>'.repeat(300_000)}${'</i>'.repeat(100_000)}`],
    ['a property that repeats', `<title>x</title>${'<meta property="og:x" content="y">'.repeat(50_000)}`],
    [
      'very many properties',
      Array.from({ length: 50_000 }, (_, n) => `<meta property="og:${n}" content="y">`).join(''),
    ],
    ['a title without an end', `<title>${'x'.repeat(1_000_000)}`],
    ['an attribute without an end', `<title>x</title><a href="${'x'.repeat(1_000_000)}`],
    ['a value of a megabyte', `<meta property="og:title" content="${'x'.repeat(1_000_000)}"><title>x</title>`],
    ['entities', `<title>${'&amp;'.repeat(200_000)}</title>`],
    ['a picture that is none', '<title>x</title><meta property="og:image" content="javascript:alert(1)">'],
    ['a picture in the page', '<title>x</title><meta property="og:image" content="data:image/png;base64,AAAA">'],
  ])('with %s costs little and says little', async (name, html) => {
    const url = `https://hostile.example/${encodeURIComponent(name)}`;
    page(url, html);
    const { status, text } = await preview(url);
    expect(status).toBe(200);
    expect(text.length).toBeLessThan(10_000);
    expect(asked.map((request) => request.url)).toEqual([url]);
  });
});

describe('what was found', () => {
  test('is kept for an hour, also what was not found for some minutes', async () => {
    page('https://kept.example/', '<title>One</title>');
    const both = await Promise.all([preview('https://kept.example/'), preview('https://kept.example/#x')]);
    expect(both.map(({ body }) => body['og:title'])).toEqual(['One', 'One']);
    expect(asked.length).toBe(1);
    page('https://kept.example/', '<title>Two</title>');
    expect((await preview('https://kept.example/')).body['og:title']).toBe('One');
    world.advance(3_600_000);
    expect((await preview('https://kept.example/')).body['og:title']).toBe('Two');
    expect(asked.length).toBe(2);

    expect(await preview('https://nothing.example/')).toMatchObject({ status: 404, body: { errcode: 'M_NOT_FOUND' } });
    page('https://nothing.example/', '<title>There</title>');
    expect(await preview('https://nothing.example/')).toMatchObject({ status: 404 });
    world.advance(300_000);
    expect((await preview('https://nothing.example/')).body['og:title']).toBe('There');
  });

  test('is not asked for again by who looked just before it was kept', async () => {
    page('https://late.example/', '<title>Once</title>');
    const { reached, release } = holdAnswer(server.storage, selectUrlPreview);
    const late = preview('https://late.example/');
    await reached;
    expect((await preview('https://late.example/')).body['og:title']).toBe('Once');
    release();
    expect((await late).body['og:title']).toBe('Once');
    expect(asked.length).toBe(1);
  });
});

describe('refused is', () => {
  test.each<[string, OutboundFailure['kind']]>([
    ['a private address', 'forbidden-address'],
    ['what is too large', 'too-large'],
    ['what takes too long', 'timeout'],
    ['who is not there', 'unreachable'],
  ])('%s, in the same words', async (name, kind) => {
    const url = `https://${kind}.example/`;
    web.set(url, { failure: new OutboundFailure(kind, name) });
    const answer = await preview(url);
    expect(answer).toMatchObject({ status: 404, body: { errcode: 'M_NOT_FOUND' } });
    expect(answer.text).not.toContain(name);
  });

  test.each([
    'file:///etc/passwd',
    'ftp://example.org/',
    'example.org',
    '',
    'https://alice:secret@example.org/',
    `https://example.org/${'x'.repeat(5_000)}`,
  ])('%s, which is no URL of a page', async (url) => {
    expect(await preview(url)).toMatchObject({ status: 400, body: { errcode: 'M_INVALID_PARAM' } });
    expect(asked).toEqual([]);
  });

  test('no URL, and nobody', async () => {
    expect(await server.request('GET', PREVIEW, { token })).toMatchObject({ body: { errcode: 'M_MISSING_PARAM' } });
    expect(await server.request('GET', `${PREVIEW}?url=x`)).toMatchObject({ status: 401 });
  });

  test('everything, where the operator wants no previews', async () => {
    const other = await createTestServer();
    const { accessToken } = await other.createUser('alice');
    const path = `/_matrix/media/v3/preview_url?url=${encodeURIComponent('https://news.example/a')}`;
    const refusal = { status: 403, body: { errcode: 'M_FORBIDDEN' } };
    expect(await other.request('GET', path, { token: accessToken })).toMatchObject(refusal);
    await other.stop();
  });
});
