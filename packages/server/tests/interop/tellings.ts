import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InteropServer } from './interop-server.ts';
import { InteropUser } from './interop-user.ts';
import type { Story, StoryWorld } from './story.ts';

/** A story with its roles given out. */
export interface Telling {
  readonly title: string;
  readonly story: Story;
  readonly roomVersion: string;
  readonly home: InteropServer;
  readonly away: InteropServer;
}

const MAX_STORY_MS = 60_000;

/** Each story in each of its versions, and with either server as the home of the room. */
export function tellingsOf(
  stories: readonly Story[],
  versions: readonly string[],
  [one, other]: readonly [InteropServer, InteropServer],
): Telling[] {
  return stories.flatMap((story) =>
    (story.versions === 'each' ? versions : versions.slice(-1)).flatMap((roomVersion) =>
      [
        { home: one, away: other },
        { home: other, away: one },
      ].map(({ home, away }) => ({
        title: `${story.name}, version ${roomVersion}, ${home.label} → ${away.label}`,
        story,
        roomVersion,
        home,
        away,
      })),
    ),
  );
}

/** What went wrong, if anything did. Both servers run afterwards, whatever the story did to them. */
export async function tell(
  { story, roomVersion, home, away }: Telling,
  signal: AbortSignal,
): Promise<string | undefined> {
  const maxMs = story.maxMs ?? MAX_STORY_MS;
  const ending = new AbortController();
  const world: StoryWorld = {
    home,
    away,
    roomVersion,
    unique: randomBytes(4).toString('hex'),
    user(server, name) {
      const localpart = `${name}-${randomBytes(4).toString('hex')}`;
      return InteropUser.register(server, localpart, AbortSignal.any([signal, ending.signal]));
    },
  };
  const timer = new AbortController();
  const tooLate = sleep(maxMs, undefined, { signal: timer.signal }).then(
    () => Promise.reject(new Error(`It was not done within ${maxMs / 1000} s`)),
    () => undefined,
  );
  try {
    await Promise.race([story.tell(world), tooLate]);
    return undefined;
  } catch (error) {
    return faultText(error);
  } finally {
    timer.abort();
    ending.abort();
    if (!signal.aborted) await Promise.all([home.start(), away.start()]);
  }
}

/** The message, and where in a story it was. */
function faultText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const places = (error.stack ?? '').split('\n').filter((line) => line.includes('/interop/stories/'));
  const cause = error.cause instanceof Error ? [`because of ${error.cause.message}`] : [];
  return [`${error.name}: ${error.message}`, ...cause, ...places.slice(0, 2).map((line) => line.trim())].join('\n');
}
