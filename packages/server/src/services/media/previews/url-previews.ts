import type { JsonObject } from '@limpet/protocol/json';
import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import { OutboundFailure, type OutboundResponse } from '../../../platform/outbound-http.ts';
import type { Platform } from '../../../platform/platform.ts';
import { deleteEndedUrlPreviews, selectUrlPreview, upsertUrlPreview } from '../../../storage/queries/url-previews.ts';
import { RowSweeper } from '../../../storage/row-sweeper.ts';
import type { Storage } from '../../../storage/storage.ts';
import { SingleFlight } from '../single-flight.ts';
import { WorkLimit } from '../work-limit.ts';
import { pageText } from './page-text.ts';
import { pictureUrlOf, previewOfPage } from './preview-of-page.ts';
import { keepPreviewPicture, type PreviewPicture, type PreviewPictureParts } from './preview-picture.ts';
import { previewUrl } from './preview-url.ts';
import { readPage } from './read-page.ts';
import { urlHash } from './url-hash.ts';

/** Previews made at once; each may have a page and a picture in memory. And what waits behind them. */
const MAX_AT_ONCE = 4;
const MAX_WAITING = 100;
/** For a page or a picture, from the first packet to the last byte. */
const TIMEOUT_MS = 10_000;
const MAX_PAGE_BYTES = 4_194_304;
const MAX_PICTURE_BYTES = 10_485_760;
const MAX_REDIRECTS = 5;
/** How long a preview is given out before the page is asked again; where nothing could be had, sooner. */
const LIFETIME_MS = 3_600_000;
const FAILURE_LIFETIME_MS = 300_000;
const SWEEP_EVERY_MS = 600_000;

export interface UrlPreviewsParts extends PreviewPictureParts {
  readonly storage: Storage;
  readonly platform: Platform;
  /** Users make this server ask others, so the operator has to want it. */
  readonly isEnabled: boolean;
}

interface KeptPreview {
  /** Null where the page could not be had. */
  readonly json: string | null;
}

/**
 * Previews of pages that users link to. Pages are strangers' and so are those who name them: requests reach public
 * addresses alone, wherever redirects lead and whatever a name resolves to; bytes, time, depth and number are bounded.
 * Specification: client-server API, "GET /_matrix/client/v1/media/preview_url".
 */
export class UrlPreviews {
  readonly #parts: UrlPreviewsParts;
  readonly #flights = new SingleFlight<KeptPreview>();
  readonly #limit = new WorkLimit(MAX_AT_ONCE, MAX_WAITING);
  readonly #sweeper: RowSweeper;

  constructor(parts: UrlPreviewsParts) {
    this.#parts = parts;
    this.#sweeper = new RowSweeper({
      ...parts,
      rows: 'previews of URLs that are out of date',
      everyMs: SWEEP_EVERY_MS,
      remove: (transaction, nowMs, limit) => transaction.fetch(deleteEndedUrlPreviews, { nowMs, limit }),
    });
  }

  start(): void {
    if (this.#parts.isEnabled) this.#sweeper.start();
  }

  stop(): Promise<void> {
    return this.#sweeper.stop();
  }

  /**
   * The preview as JSON text. `beforeFetch` throws where whoever asks has asked too often. Throws M_FORBIDDEN where
   * there are none on this server, M_INVALID_PARAM for what is no URL of a page, M_NOT_FOUND where nothing could be
   * had.
   */
  async of(text: string, beforeFetch: () => void): Promise<string> {
    if (!this.#parts.isEnabled) throw new MatrixError('M_FORBIDDEN', 'This server makes no previews of URLs.');
    const url = previewUrl(text);
    const kept = await this.#kept(url);
    if (kept !== undefined) return foundIn(kept.json);
    beforeFetch();
    const { json } = await this.#flights.run(url, {
      find: () => this.#kept(url),
      make: () => this.#limit.run(() => this.#make(url), tooMany),
    });
    return foundIn(json);
  }

  async #kept(url: string): Promise<KeptPreview | undefined> {
    const { storage, platform } = this.#parts;
    const [row] = await storage.read(selectUrlPreview, { urlHash: urlHash(url), nowMs: platform.clock.nowMs() });
    return row;
  }

  async #make(url: string): Promise<KeptPreview> {
    const { storage, platform } = this.#parts;
    const json = await this.#tryToMake(url);
    const fetchedTs = platform.clock.nowMs();
    const expiresTs = fetchedTs + (json === null ? FAILURE_LIFETIME_MS : LIFETIME_MS);
    const row = { urlHash: urlHash(url), json, fetchedTs, expiresTs };
    await storage.write((transaction) => transaction.run(upsertUrlPreview, row));
    return row;
  }

  /** Null where the page could not be had: it is not asked again for a while. */
  async #tryToMake(url: string): Promise<string | null> {
    try {
      const answer = await this.#get(url, { accept: 'text/html, image/*;q=0.8', maxBytes: MAX_PICTURE_BYTES });
      if (answer.status !== 200) return null;
      return JSON.stringify(await this.#previewOf(answer, url));
    } catch (error) {
      if (!(error instanceof OutboundFailure)) throw error;
      this.#parts.platform.log.debug('A URL has no preview', { host: new URL(url).host, error });
      return null;
    }
  }

  async #previewOf(answer: OutboundResponse, url: string): Promise<JsonObject> {
    const contentType = answer.headers['content-type'] ?? '';
    if (/^image\//i.test(contentType)) return this.#withPicture({}, answer.body);
    if (!/^(?:text\/html|application\/xhtml\+xml)\b/i.test(contentType)) return {};
    const { timers } = this.#parts.platform;
    const text = await pageText(answer.body.subarray(0, MAX_PAGE_BYTES), contentType, timers);
    const page = await readPage(text, timers);
    const preview = previewOfPage(page);
    const picture = pictureUrlOf(page, answer.url ?? url);
    return picture === undefined ? preview : this.#withPicture(preview, await this.#pictureAt(picture));
  }

  /** A page without its picture is worth showing, too. */
  async #pictureAt(url: string): Promise<Uint8Array | undefined> {
    if (!/^https?:/i.test(url)) return undefined;
    try {
      const answer = await this.#get(url, { accept: 'image/*', maxBytes: MAX_PICTURE_BYTES });
      return answer.status === 200 ? answer.body : undefined;
    } catch (error) {
      if (!(error instanceof OutboundFailure)) throw error;
      return undefined;
    }
  }

  async #withPicture(preview: JsonObject, bytes: Uint8Array | undefined): Promise<JsonObject> {
    const picture = bytes === undefined ? undefined : await keepPreviewPicture(bytes, this.#parts);
    return picture === undefined ? preview : { ...preview, ...propertiesOf(picture) };
  }

  #get(url: string, { accept, maxBytes }: { accept: string; maxBytes: number }): Promise<OutboundResponse> {
    return this.#parts.platform.outboundHttp.send({
      method: 'GET',
      url,
      headers: { 'user-agent': 'Limpet (preview of a link in Matrix)', accept, 'accept-language': 'en, *;q=0.5' },
      timeoutMs: TIMEOUT_MS,
      maxBytes,
      maxRedirects: MAX_REDIRECTS,
      reach: 'public',
    });
  }
}

function propertiesOf({ uri, contentType, sizeBytes, width, height }: PreviewPicture): JsonObject {
  return {
    'og:image': uri,
    'og:image:type': contentType,
    'og:image:width': width,
    'og:image:height': height,
    'matrix:image:size': sizeBytes,
  };
}

function foundIn(json: string | null): string {
  if (json !== null) return json;
  throw new MatrixError('M_NOT_FOUND', 'Nothing could be had from this URL. Try again in some minutes.');
}

function tooMany(): MatrixError {
  return limitExceeded('Too many previews are being made. Try again in a moment.');
}
