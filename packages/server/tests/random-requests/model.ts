import type { MembershipChange } from './commands.ts';

/** An event that the server has acknowledged. */
export interface Acknowledged {
  readonly eventId: string;
  readonly room: number;
  readonly type: string;
  /** When it ends to be sticky; `undefined` for an ordinary event, and for one that was redacted (A3). */
  stickyUntilMs: number | undefined;
  /** For each user: the stretch of membership in which it came, `undefined` for who was not joined. */
  readonly stretches: readonly (number | undefined)[];
}

interface Member {
  membership: string;
  /** How many times the user has joined. */
  joins: number;
}

const AFTER: Readonly<Record<MembershipChange, string>> = {
  join: 'join',
  leave: 'leave',
  invite: 'invite',
  kick: 'leave',
  ban: 'ban',
  unban: 'leave',
};

/** What has to be true, told by what the server answered alone. */
export class Model {
  readonly events: Acknowledged[] = [];
  readonly #members: Member[][];
  readonly #users: number;

  constructor(users: number, rooms: number) {
    this.#users = users;
    this.#members = Array.from({ length: rooms }, () =>
      Array.from({ length: users }, () => ({ membership: 'none', joins: 0 })),
    );
  }

  member(room: number, user: number): Readonly<Member> {
    return this.#of(room, user);
  }

  /** The server has agreed to the change. */
  changed(room: number, target: number, change: MembershipChange): void {
    const member = this.#of(room, target);
    if (change === 'join' && member.membership !== 'join') member.joins++;
    member.membership = AFTER[change];
  }

  acknowledged(event: Omit<Acknowledged, 'stretches'>): void {
    const stretches = Array.from({ length: this.#users }, (_, user) => this.stretch(event.room, user));
    this.events.push({ ...event, stretches });
  }

  redacted(eventId: string): void {
    const event = this.events.find((one) => one.eventId === eventId);
    if (event !== undefined) event.stickyUntilMs = undefined;
  }

  /** Which stretch of membership the user is in, if any. */
  stretch(room: number, user: number): number | undefined {
    const { membership, joins } = this.#of(room, user);
    return membership === 'join' ? joins : undefined;
  }

  #of(room: number, user: number): Member {
    const member = this.#members[room]?.[user];
    if (member === undefined) throw new Error(`There is no user ${user} in room ${room}`);
    return member;
  }
}
