/**
 * What a rule says of an event: allowed, or refused with a reason a person can act on. Returned, never thrown: a
 * refused event is an ordinary outcome.
 */
export type Verdict = { readonly allowed: true } | Refusal;

export interface Refusal {
  readonly allowed: false;
  readonly reason: string;
}

export const ALLOWED: Verdict = { allowed: true };

export function refused(reason: string): Refusal {
  return { allowed: false, reason };
}
