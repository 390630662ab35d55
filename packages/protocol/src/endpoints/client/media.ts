import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { downloadQuery, thumbnailQuery } from '../media-query.ts';
import { emptyObject } from './json-object-schema.ts';

/** Specification: client-server API, "Content repository". Uploads kept their old paths when the others moved. */
const uploadQuery = Type.Object({ filename: Type.Optional(Type.String()) });

const mxcUri = Type.Object({ content_uri: Type.String() });

const mediaConfig = Type.Object({ 'm.upload.size': Type.Integer() });

/** The body is the content; its type stands in the header. */
export const uploadContent = defineEndpoint({
  method: 'POST',
  paths: ['/_matrix/media/v3/upload', '/_matrix/media/r0/upload'],
  authentication: 'access token',
  summary: 'Upload some content',
  query: uploadQuery,
  response: mxcUri,
});

export const createContent = defineEndpoint({
  method: 'POST',
  path: '/_matrix/media/v1/create',
  authentication: 'access token',
  summary: 'Make an mxc:// URI for content that is uploaded later',
  response: Type.Object({ content_uri: Type.String(), unused_expires_at: Type.Integer() }),
});

export const uploadContentToMxc = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/media/v3/upload/{serverName}/{mediaId}',
  authentication: 'access token',
  summary: 'Upload the content of an mxc:// URI that was made before',
  query: uploadQuery,
  response: emptyObject,
});

export const downloadContent = defineEndpoint({
  method: 'GET',
  path: '/_matrix/client/v1/media/download/{serverName}/{mediaId}',
  authentication: 'access token',
  summary: 'Download content',
  query: downloadQuery,
});

export const downloadNamedContent = defineEndpoint({
  method: 'GET',
  path: '/_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}',
  authentication: 'access token',
  summary: 'Download content under another file name',
  query: downloadQuery,
});

export const downloadThumbnail = defineEndpoint({
  method: 'GET',
  path: '/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}',
  authentication: 'access token',
  summary: 'Download a picture in small',
  query: thumbnailQuery,
});

export const getMediaConfig = defineEndpoint({
  method: 'GET',
  paths: ['/_matrix/client/v1/media/config', '/_matrix/media/v3/config', '/_matrix/media/r0/config'],
  authentication: 'access token',
  summary: 'How large an upload may be',
  response: mediaConfig,
});

/** `ts` asks for the page as it was then, which nobody can give. */
export const previewUrl = defineEndpoint({
  method: 'GET',
  paths: ['/_matrix/client/v1/media/preview_url', '/_matrix/media/v3/preview_url', '/_matrix/media/r0/preview_url'],
  authentication: 'access token',
  summary: 'What a web page is about',
  query: Type.Object({ url: Type.String(), ts: Type.Optional(Type.Integer()) }),
});
