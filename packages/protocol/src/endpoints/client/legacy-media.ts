import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { downloadQuery, thumbnailQuery } from '../media-query.ts';

/**
 * Without authentication, as it was before version 1.11 of the specification: deprecated, and frozen for what was
 * uploaded since. Specification: client-server API, "Content repository", "Client behaviour".
 */
const legacyParameters = {
  /** False so that two servers that fetch for each other do not go round in circles. */
  allow_remote: Type.Boolean({ default: true }),
};

const legacyDownloadQuery = Type.Object({ ...downloadQuery.properties, ...legacyParameters });

export const legacyDownload = defineEndpoint({
  method: 'GET',
  paths: legacyPaths('/download/{serverName}/{mediaId}'),
  authentication: 'none',
  summary: 'Download content, as old clients do',
  query: legacyDownloadQuery,
});

export const legacyNamedDownload = defineEndpoint({
  method: 'GET',
  paths: legacyPaths('/download/{serverName}/{mediaId}/{fileName}'),
  authentication: 'none',
  summary: 'Download content under another file name, as old clients do',
  query: legacyDownloadQuery,
});

export const legacyThumbnail = defineEndpoint({
  method: 'GET',
  paths: legacyPaths('/thumbnail/{serverName}/{mediaId}'),
  authentication: 'none',
  summary: 'Download a picture in small, as old clients do',
  query: Type.Object({ ...thumbnailQuery.properties, ...legacyParameters }),
});

function legacyPaths<const Path extends string>(
  path: Path,
): readonly [`/_matrix/media/v3${Path}`, `/_matrix/media/r0${Path}`] {
  return [`/_matrix/media/v3${path}`, `/_matrix/media/r0${path}`];
}
