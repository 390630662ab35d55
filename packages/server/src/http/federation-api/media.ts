import { downloadForServer, thumbnailForServer } from '@limpet/protocol/endpoints/federation/media';
import type { Random } from '../../platform/random.ts';
import type { Media } from '../../services/media/media.ts';
import { mediaForServer, thumbnailForServerAnswer } from '../multipart-answer.ts';
import { type Route, route } from '../route.ts';

export interface FederationMediaParts {
  readonly media: Media;
  readonly serverName: string;
  readonly random: Random;
}

/** What users of this server uploaded, for other servers. Specification: server-server API, "Content Repository". */
export function federationMediaRoutes({ media, serverName, random }: FederationMediaParts): Route[] {
  const { finder, thumbnails, blobStore } = media;
  const asked = { blobStore, random };
  return [
    route(downloadForServer, async ({ path, query, signal }) => {
      const found = await finder.find({ ...path, serverName, timeoutMs: query.timeout_ms, signal });
      return mediaForServer(asked, found);
    }),
    route(thumbnailForServer, async ({ path, query, signal }) => {
      const { width, height, method, animated: isAnimated } = query;
      const found = await finder.find({ ...path, serverName, timeoutMs: query.timeout_ms, signal });
      return thumbnailForServerAnswer(asked, await thumbnails.of(found, { width, height, method, isAnimated }));
    }),
  ];
}
