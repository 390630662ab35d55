import fc from 'fast-check';

/** What three users do in two rooms; numbers say who and where. */
export type Command =
  | { readonly kind: 'send'; readonly user: number; readonly room: number; readonly stickyMs: number | undefined }
  | { readonly kind: 'burst'; readonly room: number; readonly users: readonly number[]; readonly stickyMs: number }
  | { readonly kind: 'repeat'; readonly user: number }
  | { readonly kind: 'topic'; readonly user: number; readonly room: number }
  | { readonly kind: 'redact'; readonly user: number; readonly room: number }
  | { readonly kind: MembershipChange; readonly user: number; readonly room: number; readonly target: number }
  | { readonly kind: 'sync'; readonly user: number }
  | { readonly kind: 'bad'; readonly user: number; readonly room: number; readonly which: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'restart' };

export type MembershipChange = 'join' | 'leave' | 'invite' | 'kick' | 'ban' | 'unban';

export const USERS = 3;
export const ROOMS = 2;
/** How long a sticky event may last; the shortest end while the story goes on. */
const STICKY_MS = [1, 1_000, 20_000, 3_600_000];
const LONGEST_WAIT_MS = 15_000;

const user = fc.nat(USERS - 1);
const room = fc.nat(ROOMS - 1);
const target = fc.nat(USERS - 1);
const stickyMs = fc.constantFrom(...STICKY_MS);

function of<Kind extends Command['kind']>(kind: Kind, fields: Record<string, fc.Arbitrary<unknown>> = {}) {
  return fc.record({ kind: fc.constant(kind), ...fields }) as fc.Arbitrary<Command>;
}

const membership = (['join', 'leave', 'invite', 'kick', 'ban', 'unban'] as const).map((kind) => ({
  arbitrary: of(kind, { user, room, target }),
  weight: kind === 'join' ? 6 : kind === 'leave' ? 3 : 1,
}));

export const commands = fc.array(
  fc.oneof(
    { arbitrary: of('send', { user, room, stickyMs: fc.option(stickyMs, { nil: undefined }) }), weight: 14 },
    { arbitrary: of('burst', { room, users: fc.array(user, { minLength: 2, maxLength: 8 }), stickyMs }), weight: 4 },
    { arbitrary: of('repeat', { user }), weight: 2 },
    { arbitrary: of('topic', { user, room }), weight: 2 },
    { arbitrary: of('redact', { user, room }), weight: 2 },
    ...membership,
    { arbitrary: of('sync', { user }), weight: 10 },
    { arbitrary: of('bad', { user, room, which: fc.nat(1_000) }), weight: 4 },
    { arbitrary: of('wait', { ms: fc.integer({ min: 1, max: LONGEST_WAIT_MS }) }), weight: 2 },
    { arbitrary: of('restart'), weight: 1 },
  ),
  { minLength: 20, maxLength: 70 },
);
