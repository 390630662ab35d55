import {
  createContent,
  downloadContent,
  downloadNamedContent,
  downloadThumbnail,
  getMediaConfig,
  previewUrl,
  uploadContent,
  uploadContentToMxc,
} from '@limpet/protocol/endpoints/client/media';
import type { Requester } from '../authenticate.ts';
import { mediaAnswer, thumbnailAnswer } from '../media-answer.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route, uploadRoute } from '../route.ts';
import { legacyMediaRoutes } from './legacy-media.ts';
import type { MediaRouteParts } from './media-route-parts.ts';

/** Specification: client-server API, "Content repository". */
export function mediaRoutes(parts: MediaRouteParts): Route[] {
  return [...uploadRoutes(parts), ...downloadRoutes(parts), ...previewRoutes(parts), ...legacyMediaRoutes(parts)];
}

function uploadRoutes({ media, rateLimits, config }: MediaRouteParts): Route[] {
  const { uploads } = media;
  const uriOf = (mediaId: string) => `mxc://${config.serverName}/${mediaId}`;
  const limit = { bodyLimitBytes: config.media.maxUploadBytes };
  return [
    uploadRoute(
      uploadContent,
      async ({ requester: { userId }, query, content, contentType }) => {
        rateLimits.take('upload', userId);
        const mediaId = await uploads.upload({ userId, content, contentType, fileName: query.filename });
        return { content_uri: uriOf(mediaId) };
      },
      limit,
    ),
    route(createContent, async ({ requester: { userId } }) => {
      rateLimits.take('upload', userId);
      const { mediaId, expiresTs } = await uploads.create(userId);
      return { content_uri: uriOf(mediaId), unused_expires_at: expiresTs };
    }),
    uploadRoute(
      uploadContentToMxc,
      async ({ requester: { userId }, path, query, content, contentType }) => {
        rateLimits.take('upload', userId);
        await uploads.fill(path, { userId, content, contentType, fileName: query.filename });
        return {};
      },
      limit,
    ),
    route(getMediaConfig, () => ({ 'm.upload.size': config.media.maxUploadBytes })),
  ];
}

function previewRoutes({ media, rateLimits }: MediaRouteParts): Route[] {
  return [
    route(previewUrl, async ({ query, requester: { userId } }) => {
      const beforeFetch = () => rateLimits.take('previewUrl', userId);
      return new RawJson(await media.previews.of(query.url, beforeFetch));
    }),
  ];
}

function downloadRoutes({ media, rateLimits }: MediaRouteParts): Route[] {
  const { finder, thumbnails, blobStore } = media;
  const find = (request: DownloadRequest) =>
    finder.find({
      ...request.path,
      timeoutMs: request.query.timeout_ms,
      signal: request.signal,
      beforeFetch: () => rateLimits.take('fetchMedia', request.requester.userId),
    });
  return [
    route(downloadContent, async (request) => mediaAnswer({ ...request, blobStore }, await find(request))),
    route(downloadNamedContent, async (request) =>
      mediaAnswer({ ...request, blobStore }, await find(request), request.path.fileName),
    ),
    route(downloadThumbnail, async (request) => {
      const { width, height, method, animated: isAnimated } = request.query;
      const thumbnail = await thumbnails.of(await find(request), { width, height, method, isAnimated });
      return thumbnailAnswer({ ...request, blobStore }, thumbnail);
    }),
  ];
}

interface DownloadRequest {
  readonly path: { readonly serverName: string; readonly mediaId: string };
  readonly query: { readonly timeout_ms: number };
  readonly signal: AbortSignal;
  readonly requester: Requester;
}
