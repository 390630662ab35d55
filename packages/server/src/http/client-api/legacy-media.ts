import { legacyDownload, legacyNamedDownload, legacyThumbnail } from '@limpet/protocol/endpoints/client/legacy-media';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { StoredMedia } from '../../services/media/stored-media.ts';
import { mediaAnswer, thumbnailAnswer } from '../media-answer.ts';
import { type Route, route } from '../route.ts';
import type { MediaRouteParts } from './media-route-parts.ts';

/**
 * Downloads without authentication. They are frozen unless the configuration says otherwise: what came since is not
 * there for them. Specification: client-server API, "Content repository", "Client behaviour".
 */
export function legacyMediaRoutes({ media, rateLimits, config }: MediaRouteParts): Route[] {
  const { finder, thumbnails, blobStore } = media;
  const isOpen = config.media.legacyDownload;

  async function find({ path, query, signal, clientNetwork }: LegacyRequest): Promise<StoredMedia> {
    const beforeFetch = () => rateLimits.take('fetchMedia', clientNetwork);
    const found = await finder.find({
      ...path,
      // What is uploaded while the request waits is frozen.
      timeoutMs: isOpen ? query.timeout_ms : 0,
      signal,
      ...(isOpen && query.allow_remote ? { beforeFetch } : {}),
    });
    if (found.isFrozen && !isOpen) {
      throw new MatrixError('M_NOT_FOUND', 'This media is to be had with an access token only.');
    }
    return found;
  }

  return [
    route(legacyDownload, async (request) => mediaAnswer({ ...request, blobStore }, await find(request))),
    route(legacyNamedDownload, async (request) =>
      mediaAnswer({ ...request, blobStore }, await find(request), request.path.fileName),
    ),
    route(legacyThumbnail, async (request) => {
      const { width, height, method, animated: isAnimated } = request.query;
      const thumbnail = await thumbnails.of(await find(request), { width, height, method, isAnimated });
      return thumbnailAnswer({ ...request, blobStore }, thumbnail);
    }),
  ];
}

interface LegacyRequest {
  readonly path: { readonly serverName: string; readonly mediaId: string };
  readonly query: { readonly timeout_ms: number; readonly allow_remote: boolean };
  readonly signal: AbortSignal;
  readonly clientNetwork: string;
}
