import { Type } from 'typebox';

/** How long a download waits for content that is not there yet, unless it says otherwise. Milliseconds. */
const DEFAULT_TIMEOUT_MS = 20_000;

/** What users and servers say alike when they download. */
export const downloadQuery = Type.Object({
  timeout_ms: Type.Integer({ minimum: 0, default: DEFAULT_TIMEOUT_MS }),
});

/** Specification: client-server API, "Thumbnails". */
export const thumbnailQuery = Type.Object({
  ...downloadQuery.properties,
  width: Type.Integer({ minimum: 1 }),
  height: Type.Integer({ minimum: 1 }),
  method: Type.Union([Type.Literal('crop'), Type.Literal('scale')], { default: 'scale' }),
  animated: Type.Boolean({ default: false }),
});
