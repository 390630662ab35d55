import { section } from './compound-settings.ts';
import { RATE_LIMITS, type RateLimitName } from './rate-limits.ts';
import { integer, positiveNumber } from './scalar-settings.ts';
import type { Setting } from './setting.ts';

/** A name as the configuration file writes it: `create_room` for `createRoom`. */
type SnakeCase<Text extends string> = Text extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${SnakeCase<Tail>}`
  : '';

type LimitSetting = Setting<{ readonly burst: number; readonly perSecond: number }>;

/** A section for each limit of the table, with the usual values as defaults. */
export const RATE_LIMIT_SETTINGS = Object.fromEntries(
  Object.entries(RATE_LIMITS).map(([name, { burst, perSecond, what }]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    section(
      {
        burst: integer({ description: 'So many at once.', minimum: 1, maximum: 1_000_000, default: burst }),
        per_second: positiveNumber({
          description: 'So many a second in the long run.',
          maximum: 1_000_000,
          default: perSecond,
        }),
      },
      { description: what },
    ),
  ]),
) as unknown as { readonly [Name in RateLimitName as SnakeCase<Name>]: LimitSetting };
