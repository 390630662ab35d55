import type { Handler } from 'htmlparser2';
import type { Timers } from '../../../platform/timers.ts';
import { breathe } from '../../rooms/breathe.ts';
import type { PageFacts } from './page-facts.ts';

/** Characters that the parser takes in a step; between steps others have their turn, if there is not enough yet. */
const STEP_CHARACTERS = 16_384;
/** Tags open within each other. Pages have dozens; who nests deeper wants the parser to look through them all. */
const MAX_DEPTH = 400;
/** Properties of one page, and characters of one value. */
const MAX_PROPERTIES = 50;
const MAX_VALUE_CHARACTERS = 2_048;
/** As many words as fit stand for a description where there is none. */
const MAX_TEXT_CHARACTERS = 500;

/** What stands inside these is not said to people. */
const SILENT = new Set([
  'script',
  'style',
  'noscript',
  'template',
  'svg',
  'nav',
  'header',
  'footer',
  'aside',
  'select',
]);
const VOID = new Set(['meta', 'link', 'base', 'br', 'img', 'input', 'hr', 'source', 'wbr', 'area', 'col', 'embed']);

/**
 * Reads a page. Whatever it holds, its cost follows its length, and stops where enough is known or nothing can be; a
 * long one, which may take a second to read, holds nobody up.
 */
export async function readPage(html: string, timers: Timers): Promise<PageFacts> {
  const { Parser } = await import('htmlparser2');
  const reader = new PageReader();
  const parser = new Parser(reader.handler, { decodeEntities: true });
  for (let start = 0; start < html.length && !reader.isDone; start += STEP_CHARACTERS) {
    if (start > 0) await breathe(timers);
    parser.write(html.slice(start, start + STEP_CHARACTERS));
  }
  // Ending it would close, one by one, what a page that is too deep left open.
  if (!reader.isDone) parser.end();
  return reader.facts();
}

class PageReader {
  readonly #properties = new Map<string, string>();
  readonly #named = new Map<string, string>();
  #title = '';
  #text = '';
  #base: string | undefined;
  #charset: string | undefined;
  #depth = 0;
  #silentDepth = 0;
  #isInTitle = false;
  #isInBody = false;

  readonly handler: Partial<Handler> = {
    onopentag: (name, attributes) => this.#open(name, attributes),
    onclosetag: (name) => this.#close(name),
    ontext: (text) => this.#say(text),
  };

  get isDone(): boolean {
    return this.#depth > MAX_DEPTH || this.#text.length >= MAX_TEXT_CHARACTERS;
  }

  facts(): PageFacts {
    return {
      properties: this.#properties,
      title: words(this.#title),
      description: words(this.#named.get('description') ?? ''),
      text: words(this.#text)?.slice(0, MAX_TEXT_CHARACTERS) ?? '',
      base: this.#base,
      charset: this.#charset,
    };
  }

  #open(name: string, attributes: Readonly<Record<string, string>>): void {
    if (name === 'meta') this.#note(attributes);
    if (name === 'base') this.#base ??= attributes.href;
    if (name === 'title' && this.#title === '') this.#isInTitle = true;
    if (name === 'body') this.#isInBody = true;
    if (SILENT.has(name)) this.#silentDepth++;
    if (!VOID.has(name)) this.#depth++;
  }

  #close(name: string): void {
    if (name === 'title') this.#isInTitle = false;
    if (SILENT.has(name)) this.#silentDepth = Math.max(0, this.#silentDepth - 1);
    if (!VOID.has(name)) this.#depth = Math.max(0, this.#depth - 1);
    // What stands in different blocks are different words.
    if (this.#isInBody && this.#text !== '') this.#text += ' ';
  }

  #say(text: string): void {
    if (this.#isInTitle) this.#title = (this.#title + text).slice(0, MAX_VALUE_CHARACTERS);
    else if (this.#isInBody && this.#silentDepth === 0 && text.trim() !== '') {
      this.#text = (this.#text + text.slice(0, 2 * MAX_TEXT_CHARACTERS)).replaceAll(/\s+/g, ' ');
    }
  }

  #note({ property, name, content, charset, ...attributes }: Readonly<Record<string, string>>): void {
    this.#charset ??= charset ?? charsetOf(attributes['http-equiv'], content);
    if (content === undefined || content.length > MAX_VALUE_CHARACTERS) return;
    const key = property ?? name ?? '';
    const target = key.startsWith('og:') ? this.#properties : this.#named;
    if (key === '' || target.has(key) || target.size >= MAX_PROPERTIES) return;
    target.set(key.slice(0, 64), content);
  }
}

function words(text: string): string | undefined {
  const plain = text.replaceAll(/\s+/g, ' ').trim();
  return plain === '' ? undefined : plain;
}

/** The older way to name it: `<meta http-equiv="Content-Type" content="text/html; charset=…">`. */
function charsetOf(httpEquiv: string | undefined, content: string | undefined): string | undefined {
  if (httpEquiv?.toLowerCase() !== 'content-type') return undefined;
  return charsetIn(content);
}

/** The parameter of a Content-Type. */
export function charsetIn(contentType: string | undefined): string | undefined {
  return /;\s*charset\s*=\s*"?([\w.:-]{1,40})/i.exec(contentType ?? '')?.[1];
}
