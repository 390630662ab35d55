import type { InteropServer } from './interop-server.ts';
import type { InteropUser } from './interop-user.ts';

/** The world of one telling of a story. */
export interface StoryWorld {
  /** Where the room is made. The story is told again with the two servers in each other's place. */
  readonly home: InteropServer;
  readonly away: InteropServer;
  readonly roomVersion: string;
  /** A new user there, whose name begins so. */
  user(server: InteropServer, name: string): Promise<InteropUser>;
  /** Text that no other telling has, for aliases and the like. */
  readonly unique: string;
}

export interface Story {
  readonly name: string;
  /** Told in each room version, or in the newest one alone. */
  readonly versions: 'each' | 'newest';
  /** 60 s when left out. */
  readonly maxMs?: number;
  /** Who cannot play this role in it yet, and why. */
  readonly unfit?: { readonly role: 'home' | 'away'; readonly label: string; readonly why: string };
  /** Throws when something is not as it should be. */
  tell(world: StoryWorld): Promise<void>;
}
