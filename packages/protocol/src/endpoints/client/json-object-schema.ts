import { Type } from 'typebox';
import type { JsonObject } from '../../json.ts';

/** Any JSON object: content that is the clients' own business. */
export const anyJsonObject = Type.Unsafe<JsonObject>(Type.Object({}));

/** What a successful answer is when there is nothing to say. */
export const emptyObject = Type.Object({});
