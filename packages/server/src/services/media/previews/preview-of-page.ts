import type { JsonObject } from '@limpet/protocol/json';
import type { PageFacts } from './page-facts.ts';

/** Of a property that a page gives; links are longer than what people read. */
const MAX_TEXT_CHARACTERS = 1_000;

/** What a preview shows of the page, but for its picture; its title and first words where it says nothing itself. */
export function previewOfPage({ properties, title, description, text }: PageFacts): JsonObject {
  const preview: JsonObject = {};
  for (const [name, value] of properties) {
    // Pictures are ours to name: what the page says of their size may be of another one.
    if (!name.startsWith('og:image')) preview[name] = value.slice(0, MAX_TEXT_CHARACTERS);
  }
  const foundTitle = title?.slice(0, MAX_TEXT_CHARACTERS);
  if (preview['og:title'] === undefined && foundTitle !== undefined) preview['og:title'] = foundTitle;
  const foundText = description ?? text;
  if (preview['og:description'] === undefined && foundText !== '') {
    preview['og:description'] = foundText.slice(0, MAX_TEXT_CHARACTERS);
  }
  return preview;
}

/** Where the picture of the page is, as a whole URL. */
export function pictureUrlOf({ properties, base }: PageFacts, pageUrl: string): string | undefined {
  const named = properties.get('og:image:secure_url') ?? properties.get('og:image:url') ?? properties.get('og:image');
  if (named === undefined || named === '') return undefined;
  const from = base !== undefined && URL.canParse(base, pageUrl) ? new URL(base, pageUrl).href : pageUrl;
  return URL.canParse(named, from) ? new URL(named, from).href : undefined;
}
