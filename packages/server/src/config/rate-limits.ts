/** So many at once, and so many a second in the long run. */
export interface UsualRateLimit {
  readonly burst: number;
  readonly perSecond: number;
  /** What is limited, and what each bucket belongs to. */
  readonly what: string;
}

/**
 * What is limited unless the configuration says otherwise. MatrixRTC restarts a delayed event every 4 seconds for each
 * call and renews sticky events in bursts, so the limits of what a user does leave room for many calls at once.
 */
export const RATE_LIMITS = {
  general: {
    burst: 1_000,
    perSecond: 100,
    what: 'Every request: a user, or an address where nobody is logged in.',
  },
  login: {
    burst: 20,
    perSecond: 0.5,
    what: 'Attempts to log in: an address.',
  },
  loginToAccount: {
    burst: 10,
    perSecond: 0.1,
    what: 'Attempts to log in to one account, from wherever: a user ID. Slows the guessing of a password.',
  },
  refresh: {
    burst: 100,
    perSecond: 5,
    what: 'New access tokens for refresh tokens: an address. Many users may be behind one.',
  },
  loginToken: {
    burst: 5,
    perSecond: 0.02,
    what: 'Login tokens for further devices: a user.',
  },
  registration: {
    burst: 20,
    perSecond: 0.2,
    what: 'Attempts to register, and questions whether a name is free: an address.',
  },
  send: {
    burst: 100,
    perSecond: 20,
    what: 'Events sent (B4): a user and a room.',
  },
  delayedEvent: {
    burst: 100,
    perSecond: 10,
    what: 'Delayed events scheduled: a user.',
  },
  manageDelayedEvent: {
    burst: 1_000,
    perSecond: 100,
    what:
      'Actions on delayed events: a user, or an address where no token came. A call restarts one every 4 ' +
      'seconds for each of its participants, and a call back-end does it for all of its calls.',
  },
  sendDelayedEvent: {
    burst: 100,
    perSecond: 20,
    what: 'Delayed events sent before their time: a user, or an address.',
  },
  join: {
    burst: 30,
    perSecond: 1,
    what: 'Joins and knocks: a user.',
  },
  invite: {
    burst: 50,
    perSecond: 0.5,
    what: 'Invites: a user.',
  },
  createRoom: {
    burst: 20,
    perSecond: 0.2,
    what: 'New rooms: a user.',
  },
  report: {
    burst: 20,
    perSecond: 0.02,
    what: 'Reports to the administrators: a user.',
  },
  lookUp: {
    burst: 50,
    perSecond: 2,
    what: 'Searches of messages, people and other servers’ directories, room previews, pages of spaces: a user.',
  },
  upload: {
    burst: 50,
    perSecond: 1,
    what: 'Uploads, and media IDs for them: a user.',
  },
  fetchMedia: {
    burst: 200,
    perSecond: 5,
    what: 'Media of other servers that are not here yet: a user, or an address where nobody is logged in.',
  },
  previewUrl: {
    burst: 30,
    perSecond: 0.5,
    what: 'Web pages that are fetched for a preview: a user.',
  },
  federation: {
    burst: 2_000,
    perSecond: 500,
    what:
      'Requests of another server: its name and the address they come from. What is signed by others is not ' +
      'known before the body is read, so who only says to be a server takes nothing from it.',
  },
} as const satisfies Record<string, UsualRateLimit>;

export type RateLimitName = keyof typeof RATE_LIMITS;
