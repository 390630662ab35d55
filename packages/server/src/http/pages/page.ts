import { createHash } from 'node:crypto';
import { HttpAnswer } from '../http-answer.ts';
import { Markup, markup } from './markup.ts';
import { PAGE_STYLE } from './page-style.ts';

export interface Page {
  readonly title: string;
  readonly content: Markup;
  /** Runs at the end of the page. Constant text: it stands in the page as it is. */
  readonly script?: string;
  /** Where forms may go. A page whose script sends what is typed has none to send by itself. */
  readonly forms: 'to this server' | 'nowhere';
}

/**
 * A page of our own, for people whose client cannot do something by itself. It loads nothing and runs nothing but what
 * stands in it, is in no frame, and leaves no trace in a cache or a referrer, as its address may hold a session. The
 * window that opened it stays in reach: it waits to be told.
 */
export function pageAnswer(status: number, page: Page, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  const { title, content, script } = page;
  const document = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Markup(PAGE_STYLE)}</style>
</head>
<body>
<main>
${content}
</main>
${script === undefined ? undefined : new Markup(`<script>${script}</script>`)}
</body>
</html>
`;
  return new HttpAnswer(status, document.text, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentSecurityPolicy(page),
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    ...headers,
  });
}

function contentSecurityPolicy({ script, forms }: Page): string {
  const directives = [
    "default-src 'none'",
    `style-src ${sourceOf(PAGE_STYLE)}`,
    ...(script === undefined ? [] : [`script-src ${sourceOf(script)}`, "connect-src 'self'"]),
    `form-action ${forms === 'nowhere' ? "'none'" : "'self'"}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ];
  return directives.join('; ');
}

function sourceOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;
}
