/** How long the tokens of clients hold that know refresh tokens; those of others hold until their session ends. */
export interface TokenLifetimes {
  readonly accessTokenMs: number;
  /** `undefined`: as long as the session. */
  readonly refreshTokenMs: number | undefined;
}

/** When a refresh token that is made now ends; null for never. */
export function refreshTokenEnd({ refreshTokenMs }: TokenLifetimes, nowMs: number): number | null {
  return refreshTokenMs === undefined ? null : nowMs + refreshTokenMs;
}
