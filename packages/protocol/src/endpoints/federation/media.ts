import { defineEndpoint } from '../../endpoint.ts';
import { downloadQuery, thumbnailQuery } from '../media-query.ts';

/** Specification: server-server API, "Content Repository". The answer is `multipart/mixed` of two parts. */
export const downloadForServer = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/media/download/{mediaId}',
  authentication: 'server signature',
  summary: 'Download content for another server',
  query: downloadQuery,
});

export const thumbnailForServer = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/media/thumbnail/{mediaId}',
  authentication: 'server signature',
  summary: 'Download a picture in small for another server',
  query: thumbnailQuery,
});
